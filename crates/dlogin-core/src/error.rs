//! Everything that can go wrong, one variant each.

use std::io;
use std::path::PathBuf;

use crate::held::CertificateName;
use crate::login::OrderError;
use crate::pin::PinError;
use crate::{CaError, DiskKeyError, Exit, ProfileName};

/// Why `dlogin` could not do what it was asked. The text is one line: what
/// happened and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no place for files.
    #[error("no home folder: set HOME (or XDG_CONFIG_HOME and XDG_STATE_HOME)")]
    NoHome,

    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file that was named is not there.
    #[error("there is no file {}", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },

    /// A file that was named is no root certificate.
    #[error("{} is not a certificate, neither PEM nor DER", path.display())]
    Root {
        /// The file.
        path: PathBuf,
    },

    /// Not a SHA-256 in hexadecimal.
    #[error("{found:?} is not a SHA-256 fingerprint: 64 hexadecimal digits")]
    FingerprintFormat {
        /// What was given.
        found: String,
    },

    /// The stored root and its fingerprint do not fit.
    #[error("the root certificate in the configuration was changed: run `dlogin trust` again")]
    StoredRoot,

    /// The CA, or the way to it.
    #[error(transparent)]
    Ca(#[from] CaError),

    /// The account file holds no usable key.
    #[error("{} holds no usable key: remove it to get a new account", path.display())]
    Account {
        /// The file.
        path: PathBuf,
    },

    /// The account key could not be made or used.
    #[error(transparent)]
    AccountKey(#[from] acme_wire::AccountKeyError),

    /// The CA gives this computer no account.
    #[error("the CA refused an account: {}", crate::text::printable(&problem.to_string()))]
    AccountRefused {
        /// The CA's words.
        problem: Box<acme_wire::Problem>,
    },

    /// The YubiKey.
    #[error(transparent)]
    Card(#[from] piv_token::Error),

    /// The PIN.
    #[error(transparent)]
    Pin(#[from] PinError),

    /// No key was made.
    #[error(transparent)]
    Setup(#[from] crate::setup::SetupError),

    /// A slot that no YubiKey has.
    #[error("{found:?} in the configuration is no slot: 9a, 9c, 9d, 9e or 82 to 95")]
    SlotName {
        /// What is there.
        found: String,
    },

    /// Orders name the YubiKey by its serial number.
    #[error(
        "the YubiKey does not tell its serial number: order by a name that the CA has for it, with --name NAME"
    )]
    NoSerial,

    /// A lifetime beyond the year 9999.
    #[error("a lifetime must end before the year 10000: try 30m or 8h")]
    Lifetime,

    /// A profile was named that the CA does not offer.
    #[error("the CA offers no profile {profile}; it offers {}", list(offered))]
    NoSuchProfile {
        /// What was named.
        profile: ProfileName,
        /// What there is.
        offered: Vec<ProfileName>,
    },

    /// The directory has no profiles.
    #[error("the CA offers no profile: tell its operator")]
    NothingOffered,

    /// An answer could not be built.
    #[error(transparent)]
    Order(Box<OrderError>),

    /// No key on disk could be made.
    #[error(transparent)]
    DiskKey(#[from] DiskKeyError),

    /// `dlogin bundle`.
    #[error(transparent)]
    Bundle(#[from] crate::bundle::BundleError),

    /// The report could not be written.
    #[error("cannot write: {source}")]
    Output {
        /// What the system said.
        source: io::Error,
    },

    /// The program could not start its threads.
    #[error("cannot start: {source}")]
    Start {
        /// What the system said.
        source: io::Error,
    },

    /// A part of the program ended before its time.
    #[error("internal error: a part of the program stopped; please report it")]
    Broken,

    /// A file could not be written or removed.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },

    /// Another process holds the folder of the certificates.
    #[error("another dlogin works in {} and does not end: end it and try again", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// Another process logs in, and was waited for.
    #[error(
        "another dlogin has been logging in for {} s: answer it or end it, and try again",
        waited.as_secs()
    )]
    LoggingIn {
        /// How long it was waited for.
        waited: std::time::Duration,
    },

    /// `config.toml` is not what this program understands.
    #[error("{} {}: correct or remove the file", path.display(), toml_place(source))]
    Config {
        /// The file.
        path: PathBuf,
        /// The parser's complaint.
        source: Box<toml::de::Error>,
    },

    /// `config.toml` was written by a newer program.
    #[error("{} has version {found}, this dlogin knows up to {known}: use the newer dlogin", path.display())]
    ConfigVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is understood.
        known: u32,
    },

    /// The configuration cannot be written as TOML.
    #[error("cannot encode the configuration: {source}")]
    ConfigWrite {
        /// The encoder's complaint.
        source: toml::ser::Error,
    },

    /// Other sites have CAs, this one has none.
    #[error("{}", no_site(wanted.as_ref(), known))]
    NoSite {
        /// The site that was asked for; `None` is the one without a name.
        wanted: Option<crate::SiteName>,
        /// The named ones that there are.
        known: Vec<crate::SiteName>,
    },

    /// It is not trusted, so it cannot be forgotten.
    #[error("{url} is not among the CAs of this site: `dlogin trust --list` shows all of them")]
    NotTrusted {
        /// The CA's URL.
        url: String,
    },

    /// A certificate that a program wants is not there, or has expired.
    #[error(
        "there is no TLS certificate {name} that is good now: run `dlogin {}`",
        fetch(name)
    )]
    NotHeld {
        /// What is wanted.
        name: CertificateName,
    },

    /// A program wants a key that nobody can be given.
    #[error(
        "the key of {profile} is in the YubiKey and cannot be handed to a program: name a profile for a key on disk, or go through `dlogin proxy`"
    )]
    HardwareKey {
        /// Its profile.
        profile: ProfileName,
    },

    /// Not what kubectl tells its plugins.
    #[error("KUBERNETES_EXEC_INFO: {found} is not what this dlogin answers")]
    ExecInfo {
        /// What is wrong with it.
        found: String,
    },

    /// `dlogin trust` was never run.
    #[error("no CA is trusted yet: run `dlogin trust URL --fingerprint SHA256`")]
    NoCa,
}

/// The arguments that fetch it.
fn fetch(name: &CertificateName) -> String {
    let profile = &name.profile;
    name.site.as_ref().map_or_else(
        || profile.to_string(),
        |site| format!("{profile} --site {site}"),
    )
}

fn list(profiles: &[ProfileName]) -> String {
    let names: Vec<_> = profiles.iter().map(ProfileName::as_str).collect();
    names.join(", ")
}

fn no_site(wanted: Option<&crate::SiteName>, known: &[crate::SiteName]) -> String {
    let names: Vec<_> = known.iter().map(crate::SiteName::as_str).collect();
    let names = names.join(", ");
    match wanted {
        None => {
            format!("no CA is trusted without a site: say --site NAME ({names}) or --all-sites")
        }
        Some(wanted) => format!(
            "no CA is trusted for site {wanted} (there is {}): \
             run `dlogin trust URL --fingerprint SHA256 --site {wanted}`",
            if names.is_empty() {
                "the one without a name alone"
            } else {
                &names
            }
        ),
    }
}

/// "line 3: unknown field `hello`", on one line.
fn toml_place(error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    // The whole display is "TOML parse error at line 3, column 1" and a
    // picture of the place; the first line tells where.
    let display = error.to_string();
    let place = display
        .lines()
        .next()
        .and_then(|first| first.split_once(" at "))
        .map_or(String::new(), |(_, place)| format!("{place}: "));
    format!("{place}{message}")
}

/// A key that was never made is not set up; everything else is the card's.
fn card(error: &piv_token::Error) -> Exit {
    match error {
        piv_token::Error::NoKey { .. } => Exit::Missing,
        _ => Exit::Card,
    }
}

impl Error {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoHome
            | Self::NoCa
            | Self::NotHeld { .. }
            | Self::NoSite { .. }
            | Self::NotTrusted { .. } => Exit::Missing,
            Self::Unreadable { .. }
            | Self::NoFile { .. }
            | Self::Root { .. }
            | Self::ExecInfo { .. } => Exit::Input,
            Self::Ca(error) => error.exit(),
            Self::Order(error) => error.exit(),
            Self::DiskKey(_) | Self::Broken | Self::Output { .. } | Self::Start { .. } => {
                Exit::Internal
            }
            Self::Bundle(crate::bundle::BundleError::Card(error)) => card(error),
            Self::Bundle(error) => error.exit(),
            Self::NoSerial | Self::SlotName { .. } | Self::Lifetime => Exit::Usage,
            Self::NoSuchProfile { .. } | Self::NothingOffered => Exit::Missing,
            Self::Card(error) => card(error),
            Self::Pin(PinError::Card(error)) => card(error),
            Self::Pin(error) => error.exit(),
            Self::Setup(error) => error.exit(),
            Self::AccountRefused { .. } => Exit::Refused,
            Self::File { .. }
            | Self::Busy { .. }
            | Self::LoggingIn { .. }
            | Self::ConfigWrite { .. }
            | Self::AccountKey(_)
            | Self::Account { .. } => Exit::Internal,
            Self::Config { .. }
            | Self::ConfigVersion { .. }
            | Self::StoredRoot
            | Self::HardwareKey { .. }
            | Self::FingerprintFormat { .. } => Exit::Usage,
        }
    }
}
