//! What a failed request means to a person.

use std::error::Error;
use std::io;

use acme_wire::problem::Problem;
use rustls::CertificateError as Bad;
use time::OffsetDateTime;

use crate::ca_error::CaError;
use crate::clock;

/// Looks through the layers for the one that knows why.
pub(super) fn classify(url: &str, error: reqwest::Error) -> CaError {
    let url = crate::text::printable(url);
    if error.is_timeout() {
        return CaError::Silent {
            url,
            seconds: super::PATIENCE.as_secs(),
        };
    }
    let mut deepest = error.to_string();
    let mut layer: Option<&(dyn Error + 'static)> = error.source();
    while let Some(current) = layer {
        if let Some(tls) = tls_error(current) {
            return certificate(url, tls);
        }
        deepest = current.to_string();
        layer = current.source();
    }
    CaError::Unreachable {
        url,
        reason: crate::text::printable(&deepest),
    }
}

/// A status that says that there is no answer now, whatever else the body says.
pub(super) fn unavailable(url: &str, status: u16, body: &[u8]) -> CaError {
    let why = serde_json::from_slice::<Problem>(body)
        .ok()
        .and_then(|problem| problem.detail)
        .map(|detail| format!(" ({})", crate::text::printable(&detail)))
        .unwrap_or_default();
    CaError::Unavailable {
        url: crate::text::printable(url),
        status,
        why,
    }
}

/// rustls reports through `io::Error`, whose `source` skips its own content.
fn tls_error<'a>(layer: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    layer.downcast_ref().or_else(|| {
        layer
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| tls_error(inner))
    })
}

fn certificate(url: String, error: &rustls::Error) -> CaError {
    let rustls::Error::InvalidCertificate(bad) = error else {
        return CaError::Unreachable {
            url,
            reason: crate::text::printable(&error.to_string()),
        };
    };
    let local = OffsetDateTime::now_utc();
    let at = |time: &rustls_pki_types::UnixTime| clock::from_unix(time.as_secs());
    match bad {
        Bad::NotValidYetContext { not_before, .. } => CaError::TlsNotYetValid {
            url,
            from: at(not_before),
            local,
        },
        Bad::ExpiredContext { not_after, .. } => CaError::TlsExpired {
            url,
            until: at(not_after),
            local,
        },
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => CaError::WrongName { url },
        other => CaError::NotTrusted {
            url,
            reason: crate::text::printable(&other.to_string()),
        },
    }
}
