//! `dlogin env`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dlogin_core::programs::{Shell, variables, written};
use dlogin_core::{Error, Paths, ProfileName, SiteName};

const EXAMPLES: &str = "\
Examples:
  eval \"$(dlogin env)\"
  dlogin env --shell fish | source";

/// Print the variables that programs need, for a shell to take
///
/// `SSH_AUTH_SOCK` (the agent), `PKCS11_MODULE_PATH` and `PKCS11_PROVIDER_MODULE` (the
/// PKCS#11 module, where it is installed), `DLOGIN_CERTIFICATE`, `DLOGIN_KEY` (a key on
/// disk), `DLOGIN_KEY_URI` (the key in the module), and what psql and git read by
/// themselves: `PGSSLCERT`, `PGSSLKEY`; `GIT_SSL_CERT`, `GIT_SSL_KEY` for a key on disk.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which TLS certificate (default: one whose key is in the YubiKey, else one
    /// whose key is on disk)
    #[arg(long)]
    profile: Option<ProfileName>,
    /// At this site
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
    /// For which shell; json is one object
    #[arg(long, value_enum, default_value = "sh")]
    shell: For,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// sh, bash, zsh
    Sh,
    Fish,
    Json,
}

/// The text that is printed.
pub(crate) fn text(paths: &Paths, json: bool, arguments: &Arguments) -> Result<String, Error> {
    let paths = paths.at(arguments.site.as_ref());
    let module = module();
    let all = variables(&paths, arguments.profile.as_ref(), module.as_deref())?;
    let shell = match arguments.shell {
        _ if json => Shell::Json,
        For::Sh => Shell::Sh,
        For::Fish => Shell::Fish,
        For::Json => Shell::Json,
    };
    Ok(written(&all, shell))
}

/// The PKCS#11 module that belongs to this program: beside it, or in the `lib`
/// beside its folder.
fn module() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let folder = program.parent()?;
    let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
    let lib = folder.parent().unwrap_or(Path::new("/")).join("lib");
    [
        folder.to_owned(),
        lib.join("dlogin"),
        lib.join(architecture).join("pkcs11"),
        lib.join("pkcs11"),
        lib,
    ]
    .into_iter()
    .map(|folder| folder.join("libdlogin_pkcs11.so"))
    .find(|path| path.is_file())
}
