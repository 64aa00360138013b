//! One function for each command.

use acme_ca::Ca;
use acme_ca::ca::now;
use acme_ca::setup;

use crate::arguments::{Arguments, Command, Init};
use crate::exit::Failure;
use crate::{complete, print};

mod cert;
mod eab;
mod key;
mod lists;
mod log;
mod revoked;
mod serve;
mod show;
mod user;

/// One thread; the server starts those that serve connections itself.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let json = arguments.json;
    if let Command::Init(init) = &arguments.command {
        return self::init(arguments, init).await;
    }
    match &arguments.command {
        Command::Completions { shell } => return Ok(complete::script(*shell)?),
        Command::Man { folder } => return Ok(complete::man(folder)?),
        _ => {}
    }
    let ca = Ca::open(&arguments.dir)?;
    match &arguments.command {
        Command::Init(_) | Command::Completions { .. } | Command::Man { .. } => Ok(()),
        Command::Serve => serve::run(ca).await,
        Command::User(command) => user::run(&ca, command, json).await,
        Command::Key(command) => key::run(&ca, command, json).await,
        Command::SshCa => show::ssh_ca(&ca, json),
        Command::Root => show::root(&ca, json),
        Command::Cert(command) => cert::run(&ca, command, json).await,
        Command::Crl(command) => lists::crl(&ca, command, json).await,
        Command::Krl(command) => lists::krl(&ca, command, json).await,
        Command::RootCrl(command) => lists::root_crl(&ca, command, json).await,
        Command::Log(command) => log::run(&ca, command, json).await,
    }
}

async fn init(arguments: &Arguments, init: &Init) -> Result<(), Failure> {
    let dir = &arguments.dir;
    setup::init(dir, &init.url, init.listen.as_deref(), now()).await?;
    let ca = Ca::open(dir)?;
    if arguments.json {
        return print::json(&serde_json::json!({
            "dir": dir,
            "url": init.url.to_string(),
            "listen": ca.config().listen,
            "root_sha256": show::fingerprint(&ca),
        }));
    }
    let dir = dir.display();
    print::line(&format!("A new CA in {dir} for {}", init.url))?;
    print::line(&format!(
        "Root certificate: SHA256:{}",
        show::fingerprint(&ca)
    ))?;
    print::line("")?;
    print::line("Next:")?;
    print::line(&format!("  look through   {dir}/ca.toml"))?;
    print::line(&format!(
        "  take offline   {dir}/pki/root.key (it is not needed any more)"
    ))?;
    print::line(&format!("  start          ca --dir {dir} serve"))?;
    print::line(&format!("  add people     ca --dir {dir} user add NAME"))
}
