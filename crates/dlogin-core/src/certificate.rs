//! What the CA sent back, checked before it is written: a CA, or whoever
//! stands in its place, can send anything.

pub(crate) mod ssh;
pub(crate) mod x509;

use time::OffsetDateTime;

use crate::clock::rfc3339;

/// The media type of a chain of X.509 certificates (RFC 8555 section 9.1).
pub(crate) const PEM_CHAIN: &str = "application/pem-certificate-chain";

/// Why a certificate that was issued is not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Neither kind of certificate, by its media type.
    #[error(
        "it comes as {found}, and certificates come as {PEM_CHAIN} or {}",
        sshcert_acme::MEDIA_TYPE
    )]
    MediaType {
        /// What the CA says that it is.
        found: String,
    },
    /// Not a certificate chain in PEM, or not X.509 in it.
    #[error("it is not a chain of X.509 certificates in PEM")]
    NotPem,
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// More certificates than any chain of ours has.
    #[error("it has more than {limit} certificates")]
    TooMany {
        /// How many are read.
        limit: usize,
    },
    /// Not an OpenSSH user certificate.
    #[error("it is not an OpenSSH user certificate: {0}")]
    NotSsh(String),
    /// For some other key.
    #[error("it is for another key than the one that was signed for")]
    OtherKey,
    /// It does not lead to the pinned root, or not for a TLS client.
    #[error("it does not lead to the pinned root as a TLS client certificate: {0}")]
    Chain(rustls::Error),
    /// Not valid now.
    #[error("it is valid from {} until {}, and now is {}", rfc3339(*from), rfc3339(*until), rfc3339(*now))]
    NotValidNow {
        /// Its start.
        from: OffsetDateTime,
        /// Its end.
        until: OffsetDateTime,
        /// Now.
        now: OffsetDateTime,
    },
    /// Valid for longer than was asked.
    #[error("it is valid until {}, longer than {} as asked", rfc3339(*until), rfc3339(*asked))]
    TooLong {
        /// Its end.
        until: OffsetDateTime,
        /// What was asked.
        asked: OffsetDateTime,
    },
}

/// Refuses what is not valid now, or longer than asked for.
fn judge_validity(
    from: OffsetDateTime,
    until: OffsetDateTime,
    now: OffsetDateTime,
    asked: Option<OffsetDateTime>,
) -> Result<(), CertificateError> {
    if now < from || until <= now {
        return Err(CertificateError::NotValidNow { from, until, now });
    }
    match asked {
        Some(asked) if until > asked => Err(CertificateError::TooLong { until, asked }),
        _ => Ok(()),
    }
}
