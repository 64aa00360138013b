//! What is in a slot, as it is shown before it is lost.

use piv_attest::Slot;
use piv_token::SlotContents;
use x509_cert::{Certificate, der::Decode};

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The slot.
    pub slot: Slot,
    /// The key, in words.
    pub key: Option<String>,
    /// The subject of the certificate, or that it cannot be read.
    pub certificate: Option<String>,
}

impl Occupant {
    /// Of what the card says.
    #[must_use]
    pub fn of(contents: &SlotContents) -> Self {
        let key = contents.key.as_ref().map(|key| {
            let algorithm = key
                .public_key
                .as_ref()
                .map_or_else(String::new, |public| format!("{} ", public.algorithm()));
            let origin = if key.generated {
                "made on the YubiKey"
            } else {
                "imported"
            };
            format!("{algorithm}key ({origin})")
        });
        let certificate = contents.certificate.as_deref().map(|der| {
            Certificate::from_der(der).map_or_else(
                |_| "that cannot be read".to_owned(),
                |certificate| format!("for {}", certificate.tbs_certificate().subject()),
            )
        });
        Self {
            slot: contents.slot,
            key,
            certificate,
        }
    }
}

impl std::fmt::Display for Occupant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "slot {} holds ", self.slot)?;
        match (&self.key, &self.certificate) {
            (Some(key), Some(certificate)) => {
                write!(f, "a {key} and a certificate {certificate}")
            }
            (Some(key), None) => write!(f, "a {key}"),
            (None, Some(certificate)) => write!(f, "a certificate {certificate}"),
            (None, None) => f.write_str("nothing"),
        }
    }
}
