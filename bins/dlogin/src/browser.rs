//! `dlogin browser` and `dlogin export`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dlogin_browser::{
    Browser, Change, Changed, Error, Home, Site, Status, Wanted, find_module, machine, pkcs12,
};
use dlogin_core::{Exit, KeyPlace, Kind, Paths, ProfileName, SiteName, status};
use zeroize::Zeroizing;

use crate::{print, terminal};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register dlogin's PKCS#11 module with Firefox, Chromium and Chrome
    Install(Install),
    /// Show which browsers have it, and what Snap and Flatpak packages need
    Status(Module),
    /// Take away what `install` and `import` did, and nothing else
    Remove(Machine),
    /// Copy certificates with keys on disk into browsers without the module
    Import(Import),
}

#[derive(Debug, Args)]
struct Module {
    /// The module's file (default: the one beside this program, or of the system)
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Machine {
    /// The policies of the whole machine instead of your own browsers; as root
    #[arg(long)]
    machine: bool,
    /// Write the policies below this folder instead of /, for an image
    #[arg(long, value_name = "DIR", requires = "machine")]
    root: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Install {
    #[command(flatten)]
    module: Module,
    #[command(flatten)]
    machine: Machine,
    /// A site that Chromium and Chrome give the certificate to without asking:
    /// https://HOST, https://[*.]DOMAIN. A policy of the machine
    #[arg(long = "site", value_name = "PATTERN")]
    sites: Vec<Site>,
    /// The name in the certificate that these sites get, CN of its subject
    /// (default: any that the site takes)
    #[arg(long, value_name = "NAME", requires = "sites")]
    subject: Option<String>,
    /// Have Firefox pick a certificate by itself, for every site that asks
    #[arg(long, conflicts_with = "machine")]
    firefox_selects: bool,
}

#[derive(Debug, Args)]
struct Import {
    /// Which certificates (default: all with keys on disk)
    #[arg(value_name = "PROFILE")]
    profiles: Vec<ProfileName>,
    /// A folder with an NSS database (default: those of browsers without the module)
    #[arg(long = "database", value_name = "DIR")]
    databases: Vec<PathBuf>,
    /// Those of this site
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A certificate with its key on disk
    #[arg(value_name = "PROFILE")]
    profile: ProfileName,
    /// Where to write a PKCS#12 file, as macOS and Windows import it
    #[arg(long, value_name = "FILE")]
    pkcs12: PathBuf,
    /// Make up a password and print it, instead of asking for one
    #[arg(long)]
    generate_password: bool,
    /// At this site
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
}

/// Does what was asked.
pub(crate) fn run(json: bool, arguments: &Arguments) -> Exit {
    finish(json, dispatch(json, arguments))
}

fn finish(json: bool, outcome: Result<(), Error>) -> Exit {
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            print::failure(json, &error.to_string(), error.exit());
            error.exit()
        }
    }
}

fn home() -> Result<Home, Error> {
    Home::from_lookup(|name| std::env::var_os(name))
}

fn module(named: &Module) -> Result<PathBuf, Error> {
    let program = std::env::current_exe().ok();
    find_module(named.module.as_deref(), program.as_deref())
}

fn dispatch(json: bool, arguments: &Arguments) -> Result<(), Error> {
    match &arguments.command {
        Command::Install(command) => install(json, command),
        Command::Status(command) => {
            let module = match module(command) {
                Err(Error::NoModule { .. }) => None,
                other => Some(other?),
            };
            let status = dlogin_browser::status(&home()?, &Paths::from_env()?, module.as_deref())?;
            if json {
                let _ = print::json(&status);
            } else {
                show(&status);
            }
            Ok(())
        }
        Command::Remove(command) => {
            let changed = if command.machine {
                machine::remove(root(command))?
            } else {
                dlogin_browser::remove(&home()?, &Paths::from_env()?)?
            };
            if json {
                let _ = print::json(&serde_json::json!({ "changed": changed }));
            } else if changed.is_empty() {
                let _ = print::line("nothing was there");
            } else {
                list(&changed);
            }
            Ok(())
        }
        Command::Import(command) => {
            let imported = dlogin_browser::import(
                &home()?,
                &Paths::from_env()?.at(command.site.as_ref()),
                &command.profiles,
                &command.databases,
            )?;
            if json {
                let _ = print::json(&serde_json::json!({ "imported": imported }));
            } else if imported.is_empty() {
                let _ = print::line("no certificate with a key on disk is held: run `dlogin`");
            }
            for each in imported.iter().filter(|_| !json) {
                let _ = print::line(&format!(
                    "imported: {}  {}",
                    each.name,
                    each.folder.display()
                ));
            }
            Ok(())
        }
    }
}

fn root(machine: &Machine) -> &Path {
    machine.root.as_deref().unwrap_or(Path::new("/"))
}

fn install(json: bool, command: &Install) -> Result<(), Error> {
    let module = module(&command.module)?;
    if command.machine.machine {
        let changed = machine::install(&machine::Wanted {
            root: root(&command.machine),
            module: &module,
            sites: &command.sites,
            subject: command.subject.as_deref(),
        })?;
        if json {
            let _ = print::json(&serde_json::json!({ "module": module, "changed": changed }));
        } else {
            list(&changed);
        }
        return Ok(());
    }
    let (home, paths) = (home()?, Paths::from_env()?);
    let wanted = Wanted {
        module: module.clone(),
        firefox_selects: command.firefox_selects,
    };
    let changed = dlogin_browser::install(&home, &paths, &wanted)?;
    let status = dlogin_browser::status(&home, &paths, Some(&module))?;
    let next = next_steps(
        &status,
        &module,
        command,
        subject(command, &paths)?.as_deref(),
    );
    if json {
        let _ = print::json(&serde_json::json!({
            "module": module,
            "changed": changed,
            "next": next,
        }));
        return Ok(());
    }
    let _ = print::line(&format!("module:    {}", module.display()));
    list(&changed);
    sandboxes(&status);
    for step in next {
        let _ = print::line(&format!("next: {step}"));
    }
    Ok(())
}

/// The name that was given, or that of the certificate with the key in the
/// YubiKey: Chromium does not know which key is where.
fn subject(command: &Install, paths: &Paths) -> Result<Option<String>, Error> {
    if command.subject.is_some() {
        return Ok(command.subject.clone());
    }
    Ok(status::status(paths)?
        .certificates
        .into_iter()
        .map(|held| held.certificate)
        .find(|held| held.kind == Kind::Tls && held.key == KeyPlace::Yubikey)
        .and_then(|held| held.names.into_iter().next()))
}

/// What is left for the person, or for root.
fn next_steps(
    status: &Status,
    module: &Path,
    command: &Install,
    subject: Option<&str>,
) -> Vec<String> {
    let mut next = Vec::new();
    let known = |site: &Site| {
        let mut known = status.policies.sites.iter();
        known.any(|known| known.pattern == site.as_str() && known.subject.as_deref() == subject)
    };
    let mut missing: Vec<_> = command
        .sites
        .iter()
        .filter(|site| !known(site))
        .map(|site| format!(" --site '{site}'"))
        .collect();
    if let (false, Some(subject)) = (missing.is_empty(), subject) {
        missing.push(format!(" --subject '{}'", subject.replace('\'', "'\\''")));
    }
    if !missing.is_empty() {
        next.push(format!(
            "Chromium and Chrome ask which certificate to use, unless root writes a policy: \
             sudo dlogin browser install --machine --module {}{}",
            module.display(),
            missing.concat()
        ));
    }
    let firefox = status
        .databases
        .iter()
        .any(|database| database.browser == Browser::Firefox);
    if !firefox && status.policies.firefox_module.is_none() {
        next.push(format!(
            "Firefox has no profile yet: start it once, close it and run this again; or have root \
             register the module for all profiles: sudo dlogin browser install --machine --module {}",
            module.display()
        ));
    }
    next.push("start the agent, which signs for the browsers: dlogin agent".to_owned());
    next
}

fn list(changed: &[Changed]) {
    for Changed { path, change } in changed {
        let what = match change {
            Change::Added => "added",
            Change::Updated => "updated",
            Change::Unchanged => "unchanged",
            Change::Removed => "removed",
        };
        let _ = print::line(&format!("{:11}{}", format!("{what}:"), path.display()));
    }
}

fn show(status: &Status) {
    let module = status.module.as_ref().map_or_else(
        || "not found; name it with --module PATH".to_owned(),
        |module| module.display().to_string(),
    );
    let _ = print::line(&format!("module:    {module}"));
    for database in &status.databases {
        let browser = match database.browser {
            Browser::Chromium => "Chromium and Chrome",
            Browser::Firefox => "Firefox",
        };
        let registered = match &database.module {
            None => "not registered: dlogin browser install".to_owned(),
            Some(path) if !database.module_exists => {
                format!(
                    "registered, but {} is not there: dlogin browser install",
                    path.display()
                )
            }
            Some(path) if Some(path) != status.module.as_ref() => {
                format!("registered: {}", path.display())
            }
            Some(_) => "registered".to_owned(),
        };
        let selects = if database.selects {
            ", picks a certificate by itself"
        } else {
            ""
        };
        let imported = match database.imported.as_slice() {
            [] => String::new(),
            some => format!(", imported: {}", some.join(", ")),
        };
        let _ = print::line(&format!(
            "{browser}: {registered}{selects}{imported}  {}",
            database.folder.display()
        ));
    }
    if let Some(module) = &status.policies.firefox_module {
        let _ = print::line(&format!(
            "policy: Firefox loads {} in every profile",
            module.display()
        ));
    }
    for site in &status.policies.sites {
        let _ = print::line(&format!(
            "policy: Chromium and Chrome give {} {} without asking",
            site.pattern,
            site.subject.as_ref().map_or_else(
                || "any certificate that it takes".to_owned(),
                |name| format!("the certificate of {name}")
            )
        ));
    }
    for rival in &status.policies.rivals {
        let _ = print::line(&format!(
            "policy: {} sets the same; browsers take one of the two files: join them",
            rival.display()
        ));
    }
    sandboxes(status);
}

fn sandboxes(status: &Status) {
    for sandbox in &status.sandboxes {
        for line in sandbox.needs(status.module.as_deref()) {
            let _ = print::line(&format!("{}: {line}", sandbox.package));
        }
    }
}

/// After a login or a logout: copies in browsers follow.
pub(crate) fn keep_up(paths: &Paths) {
    for error in dlogin_browser::keep_up(paths) {
        anstream::eprintln!("dlogin: warning: browsers: {error}");
    }
}

/// Writes a PKCS#12 file.
pub(crate) fn export(json: bool, arguments: &Export) -> Exit {
    let written = || -> Result<(), Error> {
        let paths = Paths::from_env()?.at(arguments.site.as_ref());
        let password = if arguments.generate_password {
            pkcs12::password()?
        } else {
            ask()?
        };
        dlogin_browser::export(&paths, &arguments.profile, &arguments.pkcs12, &password)?;
        let shown = arguments.generate_password.then_some(password.as_str());
        if json {
            let _ = print::json(&serde_json::json!({
                "file": arguments.pkcs12,
                "password": shown,
            }));
            return Ok(());
        }
        let _ = print::line(&format!("written:  {}", arguments.pkcs12.display()));
        if let Some(password) = shown {
            let _ = print::line(&format!("password: {password}"));
        }
        anstream::eprintln!(
            "dlogin: the file holds a private key: remove it once it is imported. \
             `dlogin logout` does not reach copies of it"
        );
        Ok(())
    };
    finish(json, written())
}

fn ask() -> Result<Zeroizing<String>, Error> {
    let mut ask = terminal::ask();
    let question = |error| Error::Core(dlogin_core::pin::PinError::Ask(error).into());
    let first = ask.secret("Password for the file: ").map_err(question)?;
    let second = ask
        .secret("Password for the file, again: ")
        .map_err(question)?;
    if *first == *second {
        Ok(first)
    } else {
        Err(pkcs12::Error::PasswordsDiffer.into())
    }
}
