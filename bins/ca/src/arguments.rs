//! The command line.

use std::path::PathBuf;

use acme_ca::config::{CaUrl, Seconds};
use acme_ca::records::{Grant, KeyId, KeyUse, UserName};
use acme_ca::revocation::Reason;
use acme_ca::store::CertificatePrefix;
use clap::{Args, Parser, Subcommand};
use manual::{Shell, words};

use crate::complete;

const EXAMPLES: &str = "\
Once:
  ca init --url https://ca.example.net:8443
                  make the CA; then look through its ca.toml
  ca serve        answer clients; under systemd, say
  ca root         what people pin, with its fingerprint
  ca ssh-ca       lines for sshd's TrustedUserCAKeys

For each person and key:
  ca user add alice
                  a name to enrol keys for
  ca key add --user alice --bundle FILE --use login --grant ssh=alice
                  verify what `dlogin bundle` printed, and record the key
  ca key revoke 7
                  it was lost: refuse it, and raise an alarm when it is used

Every day:
  ca log --refusals --last 20
                  what was refused, and why
  ca cert list --live
                  what is out there

All commands work beside a running server, as the user that it runs as; what they
change counts at once.

Files:
  ca.toml         the settings, with comments, in the folder of the CA
  ca.db           people, keys, orders, certificates, decisions (SQLite)
  pki             keys and certificates of the CA itself

Environment:
  CA_DIR          the folder, where --dir does not name it
  RUST_LOG        what `ca serve` logs: error, warn, info, debug";

/// The exit codes stand below everything else.
pub(crate) fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", crate::exit::HELP)
}

/// A CA for people with YubiKeys: short-lived TLS client and SSH certificates over ACME.
#[derive(Debug, Parser)]
#[command(
    name = "ca",
    version,
    after_long_help = after_help(),
    after_help = "`ca --help` shows examples, files and exit codes."
)]
pub(crate) struct Arguments {
    /// The folder that holds everything of this CA
    #[arg(
        long,
        value_name = "DIR",
        env = "CA_DIR",
        default_value = "/var/lib/ca"
    )]
    pub(crate) dir: PathBuf,
    /// Report as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new CA: keys, certificates, database, and settings to look through
    Init(Init),
    /// Answer clients, until SIGTERM or Ctrl-C
    Serve,
    /// People
    #[command(subcommand)]
    User(User),
    /// Their keys, and what each may have
    #[command(subcommand)]
    Key(Key),
    /// Print the lines for sshd's TrustedUserCAKeys
    SshCa,
    /// Print the root certificate and its fingerprint
    Root,
    /// Certificates that were issued
    #[command(subcommand)]
    Cert(Cert),
    /// Print a CRL, for servers that check TLS certificates
    Crl(Crl),
    /// Write the KRL, for sshd's RevokedKeys
    Krl(Krl),
    /// Sign the root's CRL anew (needs root.key in pki/), and revoke an intermediate with it
    RootCrl(RootCrl),
    /// What was decided, and why
    Log(Log),
    /// Print what makes a shell complete these arguments
    ///
    /// For bash: `eval "$(ca completions bash)"` in ~/.bashrc; for zsh the same with
    /// zsh in ~/.zshrc, below compinit; for fish:
    /// `ca completions fish > ~/.config/fish/completions/ca.fish`.
    /// The Debian package does it for all three.
    Completions {
        /// Which shell
        #[arg(value_name = "bash|zsh|fish", hide_possible_values = true)]
        shell: Shell,
    },
    /// Write the manual, one page a command, as the package has it
    #[command(hide = true)]
    Man {
        /// Where to
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where clients will reach the CA
    #[arg(long, value_name = "https://HOST:PORT")]
    pub(crate) url: CaUrl,
    /// What to listen on; follows from the URL if not given
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a person
    Add {
        /// A short name; it appears in certificates and logs
        name: UserName,
    },
    /// List people
    List,
    /// Refuse every key and account of a person from now on, and revoke what they hold
    Disable {
        /// Whom
        name: UserName,
    },
    /// Make a key that binds one ACME account to a person (external account binding)
    Eab {
        /// Whom
        name: UserName,
        /// How long it can be used
        #[arg(long, value_name = "TIME", default_value = "7d")]
        valid: Seconds,
    },
    /// List such keys
    EabList {
        /// Only this person's
        name: Option<UserName>,
    },
    /// Revoke such a key before it is used
    EabRevoke {
        /// Its key id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Verify an enrolment bundle, show what it says, and record the key
    Add(KeyAdd),
    /// List keys
    List {
        /// Only this person's
        #[arg(long, value_name = "USER")]
        user: Option<UserName>,
    },
    /// Show all that is recorded of a key
    Show {
        /// Its number
        id: KeyId,
    },
    /// Refuse a key from now on, kindly: it was replaced
    Retire {
        /// Its number
        id: KeyId,
    },
    /// Refuse a key from now on, revoke what was issued for it, and raise an alarm when it is
    /// used: it was lost or stolen
    Revoke {
        /// Its number
        id: KeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyAdd {
    /// Whose key it is
    #[arg(long)]
    pub(crate) user: UserName,
    /// What `dlogin bundle` printed; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    /// What the key is for: `login` (yubikey-01) or `proof` (yubikey-02)
    #[arg(long = "use", value_name = "login|proof", add = words(complete::USES))]
    pub(crate) usage: KeyUse,
    /// What it may have; give it once for each profile
    #[arg(long = "grant", value_name = "PROFILE=NAME[,NAME]…", required = true)]
    pub(crate) grants: Vec<Grant>,
    /// Verify and show, but record nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// List certificates, newest first
    List {
        /// Only this person's
        #[arg(long, value_name = "USER")]
        user: Option<UserName>,
        /// Only those issued to this key
        #[arg(long, value_name = "ID")]
        key: Option<KeyId>,
        /// Only those that are valid now
        #[arg(long)]
        live: bool,
        /// At most so many
        #[arg(long, value_name = "N")]
        last: Option<u32>,
    },
    /// Show a certificate
    Show {
        /// Its number, or at least four digits of its beginning
        id: CertificatePrefix,
    },
    /// Revoke a certificate: the CRL or the KRL tells of it from now on
    Revoke {
        /// Its number, or at least four digits of its beginning
        id: CertificatePrefix,
        /// Why: unspecified, key-compromise, affiliation-changed, superseded,
        /// cessation-of-operation or privilege-withdrawn
        #[arg(long, value_name = "REASON", default_value = "unspecified")]
        reason: Reason,
    },
}

/// Whose CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CrlName {
    /// Of the intermediate that signs client certificates
    Clients,
    /// Of the intermediate that signs server certificates
    Servers,
    /// Of the root
    Root,
    /// All three in one file, for servers that check whole chains (nginx, HAProxy)
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Crl {
    /// Whose
    #[arg(value_enum, default_value_t = CrlName::All)]
    pub(crate) name: CrlName,
    /// Replace this file in one step, instead of printing
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Krl {
    /// Replace this file in one step (sshd refuses everybody while it cannot read it); `-` for
    /// standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RootCrl {
    /// The certificate of an intermediate that is not to be trusted any more
    #[arg(long, value_name = "FILE")]
    pub(crate) revoke: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only the last N decisions
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<u32>,
    /// Only refusals and alarms
    #[arg(long)]
    pub(crate) refusals: bool,
    /// Only decisions that name this text: a user, a serial number, an order
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
    /// Go on as decisions are made, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}
