//! What a line of `ca.toml` may have wrong, and where that is.

use std::path::PathBuf;

use super::{BadCrlUrl, BadDuration, BadPageUrl, BadUrl, Seconds};

/// What a line of `ca.toml` may have wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no TOML, or holds a setting that does not exist, or a value of another type.
    #[error("{0}")]
    Toml(String),
    /// `url`.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// `listen`.
    #[error(
        "{listen:?} is no address to listen on: write it as \"127.0.0.1:8443\" or \"[::]:8443\""
    )]
    Listen {
        /// What stood there.
        listen: String,
    },
    /// A time.
    #[error(transparent)]
    Duration(#[from] BadDuration),
    /// A time that is too short or too long for what it is.
    #[error("{what} must be between {least} and {most}")]
    Lifetime {
        /// The setting.
        what: &'static str,
        /// The shortest.
        least: Seconds,
        /// The longest.
        most: Seconds,
    },
    /// A root that cannot be read.
    #[error("cannot read {path}: {error}")]
    RootUnreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A root file that is no certificate.
    #[error("{path} holds no certificate (PEM or DER)")]
    RootFormat {
        /// The file.
        path: PathBuf,
    },
    /// A root that cannot be trusted.
    #[error("{path} cannot be a root of attestation: {error}")]
    RootRefused {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// Nothing would be trusted.
    #[error(
        "yubico_roots is false and there is no [[attestation_root]], so no key could be trusted"
    )]
    NoRoots,
    /// A preset that does not exist.
    #[error("there is no preset {preset:?}: write \"default\" or \"strict\"")]
    Preset {
        /// What stood there.
        preset: String,
    },
    /// A policy setting with an impossible value, or one that does not exist.
    #[error("{setting}: {error}")]
    Policy {
        /// The setting.
        setting: String,
        /// What is wrong.
        error: String,
    },
    /// A profile's name.
    #[error("{name:?} is no profile name: 1 to 32 of a-z, 0-9 and '-', the first a letter")]
    ProfileName {
        /// What stood there.
        name: String,
    },
    /// A challenge that does not exist.
    #[error(
        "there is no challenge {challenge:?}: write \"yubikey-01\", \"yubikey-02\" or \"device-attest-01\""
    )]
    Challenge {
        /// What stood there.
        challenge: String,
    },
    /// A challenge of another kind of profile.
    #[error(
        "there is no challenge {challenge:?} for names of servers: write \"http-01\", \"dns-01\", \"tls-alpn-01\" or \"kubernetes-01\""
    )]
    ServerChallenge {
        /// What stood there.
        challenge: String,
    },
    /// A setting that the profile's kind needs.
    #[error("a profile of kind {kind:?} needs {setting}")]
    Lacks {
        /// The kind.
        kind: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// The CA's name in CAA records.
    #[error(
        "{name:?} cannot be the CA's name in CAA records: write names as in caa = [\"ca.example.net\"]"
    )]
    CaaName {
        /// What stood there.
        name: String,
    },
    /// Whom a rule is for.
    #[error(
        "a rule is for \"anyone\", \"user:NAME\", \"eab:KEY_ID\" or \"account:ID\", not for {who:?}"
    )]
    AllowWho {
        /// What stood there.
        who: String,
    },
    /// Names that a rule is for.
    #[error(
        "{name:?} is no name to allow: write \"www.example.net\", \"*.example.net\", or \".example.net\" for all below"
    )]
    AllowName {
        /// What stood there.
        name: String,
    },
    /// `limits.page`.
    #[error("{url:?} is no page about limits: write a URL that begins with https:// or http://")]
    LimitsPage {
        /// What stood there.
        url: String,
    },
    /// `default_profile`.
    #[error("there is no profile {profile:?} to be the default")]
    DefaultProfile {
        /// What stood there.
        profile: String,
    },
    /// A setting that the profile's kind does not have.
    #[error("a profile of kind {kind:?} has no setting {setting}")]
    NotOfKind {
        /// The kind.
        kind: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// An SSH extension or critical option that cannot stand in a certificate.
    #[error(transparent)]
    SshOption(#[from] sshcert_acme::FieldError),
    /// A page that the directory names.
    #[error(transparent)]
    Page(#[from] BadPageUrl),
    /// `[revocation] crl_url`.
    #[error(transparent)]
    CrlUrl(#[from] BadCrlUrl),
    /// `crl = true` where nobody could fetch one.
    #[error("crl = true, and there is no crl_url in [revocation] that certificates could name")]
    CrlNowhere,
    /// `no_rev_avail = true` beside a CRL (RFC 9608 §4).
    #[error(
        "no_rev_avail = true says that there is no revocation information, and certificates of this profile name a CRL: write crl = false beside it"
    )]
    NoRevAvailBesideCrl,
    /// A URL that must be https.
    #[error("{url:?} is no URL of a document: write https://HOST/PATH or https://HOST:PORT/PATH")]
    HttpsUrl {
        /// What stood there.
        url: String,
    },
    /// A profile of kubernetes-01 without a cluster.
    #[error("\"kubernetes-01\" needs a [[kubernetes]] whose tokens are believed")]
    NoCluster,
    /// Two clusters that could not be told apart.
    #[error("two clusters have the name or issuer {what:?}")]
    ClusterTwice {
        /// The name or issuer.
        what: String,
    },
    /// An algorithm of tokens.
    #[error(
        "tokens are not accepted with {algorithm:?}: write \"RS256\", \"ES256\", \"ES384\" or \"EdDSA\""
    )]
    TokenAlgorithm {
        /// What stood there.
        algorithm: String,
    },
    /// A template of names.
    #[error(transparent)]
    Template(#[from] crate::kubernetes::BadTemplate),
    /// No template at all.
    #[error("names is empty: no pod could have a name")]
    NoTemplate,
    /// Two templates under which two service accounts could have one name.
    #[error(
        "a name could follow from {one:?} and from {two:?}: two service accounts would share it"
    )]
    TemplatesMeet {
        /// One.
        one: String,
        /// The other.
        two: String,
    },
    /// A resolver.
    #[error(
        "{resolver:?} is no resolver: write \"system\", \"127.0.0.1:5353\", or a list of up to 8 addresses"
    )]
    Resolver {
        /// What stood there.
        resolver: String,
    },
    /// A port to connect to.
    #[error("nothing listens on port 0")]
    PortZero,
    /// A network.
    #[error("{network:?} is no network: write it as \"10.0.0.0/8\" or \"fd00::/8\"")]
    Network {
        /// What stood there.
        network: String,
    },
    /// A network with bits behind its prefix, which may be a slip.
    #[error(
        "{network:?} has bits behind its prefix: write {meant:?}, or the prefix that you meant"
    )]
    HostBits {
        /// What stood there.
        network: String,
        /// The network that it is in.
        meant: String,
    },
    /// No profile at all.
    #[error("there is no profile: nothing could be ordered")]
    NoProfiles,
}

/// A fault and the byte where it stands.
pub(crate) struct Located {
    pub(super) offset: usize,
    pub(super) fault: Fault,
}

impl Located {
    pub(crate) fn new(offset: usize, fault: impl Into<Fault>) -> Self {
        Self {
            offset,
            fault: fault.into(),
        }
    }
}

/// Line and column, from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
