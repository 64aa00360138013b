//! What can be wrong with the CA, or with the way to it.

use time::OffsetDateTime;

use crate::Exit;
use crate::clock::rfc3339;

/// The CA cannot be reached, is not the trusted one, or misbehaves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// Not a usable URL.
    #[error("{url} is not an https URL of a CA: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// Why not.
        reason: String,
    },

    /// No connection.
    #[error("CA not reachable at {url}: {reason}; check the network and the URL")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What the system said.
        reason: String,
    },

    /// A connection, but no answer.
    #[error("CA did not answer within {seconds} s at {url}: try again later")]
    Silent {
        /// What was asked for.
        url: String,
        /// How long it had.
        seconds: u64,
    },

    /// The server's certificate does not come from the pinned root.
    #[error(
        "CA not trusted: the certificate at {url} does not come from the pinned root ({reason}); \
         if the CA has a new root, ask its operator for the fingerprint and run `dlogin trust` again"
    )]
    NotTrusted {
        /// What was asked for.
        url: String,
        /// The verifier's complaint.
        reason: String,
    },

    /// The server's certificate is the trusted CA's, but for another host.
    #[error("CA not trusted: its certificate is not for the host in {url}; check the URL")]
    WrongName {
        /// What was asked for.
        url: String,
    },

    /// The server's certificate lies in the future of our clock.
    #[error(
        "clock wrong: the CA's TLS certificate is valid from {}, and this computer's clock says {}; set the clock",
        rfc3339(*from), rfc3339(*local)
    )]
    TlsNotYetValid {
        /// What was asked for.
        url: String,
        /// When it begins.
        from: OffsetDateTime,
        /// Our clock.
        local: OffsetDateTime,
    },

    /// The server's certificate lies in the past of our clock.
    #[error(
        "clock wrong, or the CA is neglected: its TLS certificate expired at {}, and this computer's clock says {}; set the clock, or tell the operator",
        rfc3339(*until), rfc3339(*local)
    )]
    TlsExpired {
        /// What was asked for.
        url: String,
        /// When it ended.
        until: OffsetDateTime,
        /// Our clock.
        local: OffsetDateTime,
    },

    /// The two clocks are too far apart.
    #[error(
        "clock wrong: this computer's clock says {}, the CA's {}; set the clock",
        rfc3339(*local), rfc3339(*ca)
    )]
    Clock {
        /// Our clock.
        local: OffsetDateTime,
        /// The CA's clock.
        ca: OffsetDateTime,
    },

    /// The fetched root has another fingerprint than the person gave.
    #[error(
        "CA not trusted: the root that {url} shows has fingerprint {found}, not {expected}; nothing was stored"
    )]
    Fingerprint {
        /// The CA.
        url: String,
        /// What the person gave.
        expected: String,
        /// What was found.
        found: String,
    },

    /// The CA names a URL of another server.
    #[error("CA misbehaves: it sends us to {url}, which is not of the origin of {home}")]
    OtherOrigin {
        /// Where to.
        url: String,
        /// A URL of the CA.
        home: String,
    },

    /// An answer longer than any that makes sense.
    #[error("CA misbehaves: more than {limit} bytes from {url}")]
    TooLong {
        /// What was asked for.
        url: String,
        /// Where reading stopped, in bytes.
        limit: usize,
    },

    /// The CA, or what stands before it, says that it cannot: HTTP status 5xx,
    /// or 429.
    #[error("CA cannot answer now: HTTP status {status} from {url}{why}; try again later")]
    Unavailable {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// Its words, in parentheses; empty where it has none.
        why: String,
    },

    /// An HTTP status that is no answer.
    #[error("CA misbehaves: HTTP status {status} from {url}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },

    /// An answer that is not what RFC 8555 says.
    #[error("CA misbehaves: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },

    /// TLS cannot be set up with what we have.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),

    /// The pinned root makes no verifier.
    #[error("TLS cannot be set up: {0}")]
    Verifier(rustls::client::VerifierBuilderError),

    /// The HTTP client cannot be set up.
    #[error("HTTP cannot be set up: {0}")]
    Client(reqwest::Error),
}

impl CaError {
    /// Whether the CA could not be asked, so that another of its site may be:
    /// it is not there, is not itself, or makes no sense. Each is asked under
    /// its own pinned root, so whoever stands in the place of one gains nothing.
    #[must_use]
    pub fn is_down(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::NotTrusted { .. }
            | Self::WrongName { .. }
            | Self::TlsNotYetValid { .. }
            | Self::TlsExpired { .. }
            | Self::Clock { .. }
            | Self::OtherOrigin { .. }
            | Self::TooLong { .. }
            | Self::Unavailable { .. }
            // A refusal comes with a problem document; this one came with none.
            | Self::Status { .. }
            | Self::Malformed { .. } => true,
            Self::Url { .. }
            | Self::Fingerprint { .. }
            | Self::Tls(_)
            | Self::Verifier(_)
            | Self::Client(_) => false,
        }
    }

    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Url { .. } => Exit::Usage,
            Self::Client(_) => Exit::Internal,
            _ => Exit::Ca,
        }
    }
}
