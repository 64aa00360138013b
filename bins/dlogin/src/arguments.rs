//! The command line.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use dlogin_core::login::Lifetime;
use dlogin_core::piv_attest::{KeyAlgorithm, PinPolicy, Serial, Slot, TouchPolicy};
use dlogin_core::setup::{ChangePuk, KeyUse};
use dlogin_core::{Exit, ProfileName, SiteName};
use manual::{ArgValueCandidates, Shell, words};

use crate::complete;

const EXAMPLES: &str = "\
First steps, once:
  dlogin trust https://ca.example:8443 --fingerprint SHA256
                                   pin the CA; its operator gives the fingerprint
  dlogin setup                     make the YubiKey safe, and its keys: login (slot
                                   9a) and proof (82), for certificates on disk
  dlogin bundle --user alice       print what the operator enrols the key with

Every day:
  dlogin                           what was granted and is missing or half spent
  dlogin --renew                   everything that was granted; PIN and touch
  dlogin ssh --valid 30m           the SSH certificate alone, for half an hour
  dlogin --if-needed               nothing, unless something is about to end
  dlogin --site work               the same at another site, trusted with --site
  dlogin --all-sites               at every site; a touch for each
  dlogin agent                     let ssh and git use the key, until it is ended
  dlogin ssh-config --write        have ssh renew the certificate and ask the agent
  dlogin env                       print the variables that other programs need
  dlogin proxy HOST:PORT           a way to HOST for programs that have none
  dlogin browser install           let Firefox and Chromium use the certificates
  dlogin doctor                    what is wrong, and what to do about it
  dlogin status                    what is there, and until when
  dlogin logout                    remove it

The first run orders all that the CA offers and remembers what it grants; later
runs order that. It succeeds where anything was granted. A later run, and one
that names profiles, ends with 3 where the CA refuses any of them; the others
are issued all the same.

Several CAs: `dlogin trust` again adds a CA to the site. They are asked in that
order, each where those before it are down; before a PIN is asked for. Other sites
have a name (--site NAME), CAs and certificates of their own.

What has expired is removed by the next login, and by `trust`, `setup`, `bundle`
and `logout`.

Files:
  $XDG_RUNTIME_DIR/dlogin
                  certificates as PROFILE.pem and PROFILE-cert.pub, keys that are
                  on disk as PROFILE.key, the agent's sockets; in
                  ~/.local/state/dlogin/certificates where there is none; those of
                  a named site in a folder of its name there
  ~/.config/dlogin/config.toml
                  settings
  ~/.local/state/dlogin
                  the account at the CA, and what it granted

Environment:
  DLOGIN_ASKPASS  a program that asks for the PIN; it gets the question as its
                  argument and prints the answer, as with ssh
  DLOGIN_LOG      error, warn, info or debug: what happens, on stderr";

/// The exit codes stand below everything else.
pub(crate) fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", Exit::HELP)
}

/// The commands that have nothing to report, and so nothing to say as JSON.
const WITHOUT_REPORT: [&str; 5] = ["agent", "ssh-config", "proxy", "completions", "man"];

/// The whole command line, as it is read and shown.
pub(crate) fn command() -> clap::Command {
    WITHOUT_REPORT
        .into_iter()
        .fold(Arguments::command(), |command, name| {
            command.mut_subcommand(name, |command| {
                // In the place of the global one, which help would show.
                let json = Arg::new("json").long("json").hide(true);
                command.arg(json.action(ArgAction::SetTrue))
            })
        })
}

/// What this process was started with.
pub(crate) fn parse() -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let arguments = Arguments::from_arg_matches(&matches)?;
    match matches.subcommand_name() {
        Some(name) if arguments.json && WITHOUT_REPORT.contains(&name) => Err(command.error(
            ErrorKind::ArgumentConflict,
            format!("`dlogin {name}` has no report that --json could change"),
        )),
        _ => match misplaced(&command, &arguments.login.profiles) {
            Some(text) => Err(command.error(ErrorKind::ArgumentConflict, text)),
            None => Ok(arguments),
        },
    }
}

/// A command behind an option would be taken for a profile, and somebody asked to touch for it.
fn misplaced(command: &clap::Command, profiles: &[ProfileName]) -> Option<String> {
    let mut names = profiles.iter().map(ToString::to_string);
    let name = names.find(|name| command.find_subcommand(name).is_some())?;
    Some(format!(
        "`{name}` is a command: write it first, and its options behind it"
    ))
}

/// Certificates for a touch of your YubiKey: TLS and SSH, valid for hours.
///
/// Without a command, `dlogin` fetches the certificates that are missing or have
/// spent half of their life: it says what it is about to sign, asks for the
/// PIN, and waits for one touch of the login key (and one of the proof key
/// where certificates on disk are granted).
#[derive(Debug, Parser)]
#[command(
    name = "dlogin",
    version,
    args_conflicts_with_subcommands = true,
    after_long_help = after_help(),
    after_help = "`dlogin --help` shows examples, files and exit codes."
)]
pub(crate) struct Arguments {
    /// Report as JSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) login: Login,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// What to fetch, even if it is there (default: what was granted and is
    /// missing or half spent)
    #[arg(value_name = "PROFILE", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profiles: Vec<ProfileName>,
    /// A shorter life than the CA gives, such as 30m or 8h
    #[arg(long, value_name = "TIME")]
    pub(crate) valid: Option<Lifetime>,
    /// Everything that the CA offers, to find out what is granted now
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    /// Everything that was granted, even if it is there
    #[arg(long, alias = "force", conflicts_with_all = ["all", "if_needed"])]
    pub(crate) renew: bool,
    /// Do nothing while what would be fetched is there and not about to end
    #[arg(long, conflicts_with = "all")]
    pub(crate) if_needed: bool,
    /// At this site
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: Option<SiteName>,
    /// At every site, one after the other
    #[arg(long, conflicts_with_all = ["site", "profiles"])]
    pub(crate) all_sites: bool,
    /// The YubiKey to use, where several are plugged in
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<Serial>,
    /// Order by a name that the CA has for the key, not by its serial number:
    /// for a YubiKey that does not tell one
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pin the root of a CA: no other CA is trusted
    Trust(Trust),
    /// Make the YubiKey safe and ready: PIN, PUK, management key, and both keys
    Setup(Setup),
    /// Print what the operator enrols a key with; takes PIN and touch
    Bundle(Bundle),
    /// Let ssh, git and dlogin's own module use the key in the YubiKey
    Agent(Agent),
    /// Print the lines of ~/.ssh/config that make ssh use it
    SshConfig(SshConfig),
    #[command(name = "env")]
    Environment(crate::environment::Arguments),
    Proxy(crate::proxy::Arguments),
    KubectlCredential(crate::kubectl::Arguments),
    /// Let Firefox, Chromium and Chrome use the certificates
    Browser(crate::browser::Arguments),
    /// Find what is wrong, and say what to do; asks for no PIN and no touch
    Doctor(crate::doctor::Doctor),
    /// Write a certificate with its key on disk to a PKCS#12 file
    Export(crate::browser::Export),
    /// Show which certificates are there, and until when
    Status,
    /// Say which certificates end soon, once for each; for a timer
    Remind(Remind),
    /// Remove all certificates and the keys on disk
    Logout(Logout),
    /// Print what makes a shell complete these arguments
    ///
    /// For bash: `eval "$(dlogin completions bash)"` in ~/.bashrc; for zsh the same
    /// with zsh in ~/.zshrc, below compinit; for fish:
    /// `dlogin completions fish > ~/.config/fish/completions/dlogin.fish`.
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
pub(crate) struct Trust {
    /// The CA, as its operator gives it
    #[arg(value_name = "URL", required_unless_present = "list")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// For this site; another set of CAs, with certificates of its own
    #[arg(long, value_name = "NAME", conflicts_with = "list", add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: Option<SiteName>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Known {
    /// SHA-256 of the root certificate, as `ca root` prints it
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
    /// The root certificate itself
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// Show which CAs are trusted, in the order in which they are asked
    #[arg(long, conflicts_with = "url")]
    pub(crate) list: bool,
    /// Trust this CA no more
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remind {
    /// So long before the end, such as 1h (default: 30m)
    #[arg(long, value_name = "TIME")]
    pub(crate) before: Option<Lifetime>,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Those of this site alone
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: Option<SiteName>,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Make this key alone, anew: `login`, for TLS and SSH with the YubiKey, or
    /// `proof`, which vouches for keys on disk (default: both, and what is there and fit
    /// stays)
    #[arg(long = "use", value_name = "login|proof", add = words(complete::USES))]
    pub(crate) key_use: Option<KeyUse>,
    /// Where to make it: 9a, 9c, 9d, 9e, or 82 to 95 (default: 9a for login, 82 for
    /// proof)
    #[arg(long, requires = "key_use")]
    pub(crate) slot: Option<Slot>,
    /// P-256, P-384, RSA-2048; from firmware 5.7 on RSA-3072, RSA-4096, Ed25519
    #[arg(long, value_name = "TYPE", default_value = "P-256", add = words(complete::ALGORITHMS))]
    pub(crate) algorithm: KeyAlgorithm,
    /// When a key wants the PIN: `once` (the YubiKey is open until it is reset,
    /// which dlogin does after each use; the agent may keep the PIN) or
    /// `always` (each signature wants it anew). `once`, if nobody is asked
    #[arg(long, value_name = "POLICY", add = words(complete::PIN_POLICIES))]
    pub(crate) pin_policy: Option<PinPolicy>,
    /// When a key wants a touch: `always`, which CAs want; `cached` (not for 15 s
    /// after one) and `never` let programs use it unseen
    #[arg(long, value_name = "POLICY", default_value = "always", add = words(complete::TOUCH_POLICIES))]
    pub(crate) touch_policy: TouchPolicy,
    /// Lose what is in the slot (default: it is shown, and asked about)
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Change the PIN, also if it is not the factory's
    #[arg(long)]
    pub(crate) change_pin: bool,
    /// What becomes of the factory's PUK, which sets a new PIN: `random` (shown
    /// once), `ask` (you type one), `block` (nobody sets a new PIN: one that is
    /// forgotten costs all keys)
    #[arg(long, value_name = "HOW", default_value = "random")]
    pub(crate) puk: Puk,
    /// Leave the PIN; the factory's is refused
    #[arg(long, conflicts_with = "change_pin")]
    pub(crate) no_change_pin: bool,
    /// Leave the PUK; whoever finds the YubiKey can set a new PIN with the factory's
    #[arg(long, conflicts_with = "puk")]
    pub(crate) no_change_puk: bool,
    /// Leave the management key; with the factory's, any program can replace keys
    #[arg(long)]
    pub(crate) no_change_management_key: bool,
    /// The YubiKey to use, where several are plugged in
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<Serial>,
}

/// What becomes of the factory's PUK.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Puk {
    /// Eight random digits, shown once
    Random,
    /// One that is typed
    Ask,
    /// Nobody sets a new PIN
    Block,
}

impl From<Puk> for ChangePuk {
    fn from(puk: Puk) -> Self {
        match puk {
            Puk::Random => Self::Random,
            Puk::Ask => Self::Ask,
            Puk::Block => Self::Block,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// Your name at the CA; its operator knows it
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
    /// Which key
    #[arg(long = "use", value_name = "login|proof", default_value = "login", add = words(complete::USES))]
    pub(crate) key_use: KeyUse,
    /// For this site
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: Option<SiteName>,
    /// For this CA, where the site has several with different roots
    #[arg(long, value_name = "URL")]
    pub(crate) ca: Option<String>,
    /// The YubiKey to use, where several are plugged in
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<Serial>,
}

#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// Where to speak the OpenSSH agent protocol (default: agent.sock beside the
    /// certificates)
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Keep the PIN in locked memory for so long, such as 8h; at most 16h
    /// (default: each signature asks for it)
    #[arg(long, value_name = "TIME")]
    pub(crate) pin_cache: Option<Lifetime>,
    /// Hand on what is not for this agent to the one that listens here
    #[arg(long, value_name = "SOCKET")]
    pub(crate) forward: Option<PathBuf>,
    /// Refuse what a host asks for that the agent is forwarded to (`ssh -A`)
    #[arg(long)]
    pub(crate) local_only: bool,
    /// The YubiKey to use, where several are plugged in
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<Serial>,
}

#[derive(Debug, Args)]
pub(crate) struct SshConfig {
    /// For which hosts, as ssh_config(5) has patterns (default: all)
    #[arg(value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// The profile of the SSH certificate
    #[arg(long, default_value = "ssh", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: ProfileName,
    /// The site of the SSH certificate
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: Option<SiteName>,
    /// Write them to ~/.ssh/dlogin.conf, and have ~/.ssh/config include it
    #[arg(long)]
    pub(crate) write: bool,
}
