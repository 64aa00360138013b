//! `dlogin proxy`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dlogin_core::{Error, Exit, Paths, ProfileName, SiteName};
use dlogin_proxy::{Door, Listen, Proxy, Server, roots};
use dlogin_tls::Identity;

use crate::{interrupt, print};

const EXAMPLE: &str = "\
Example:
  dlogin proxy intranet.example.net:443 &
  curl --unix-socket $XDG_RUNTIME_DIR/dlogin/proxy-intranet.example.net-443.sock \\
      http://intranet.example.net/

Only you can connect. On a port of loopback that includes every web page that your
browser shows: prefer the Unix socket.";

/// Let a program that can show no certificate reach one server
///
/// What connects to the socket goes on to the server inside TLS, with the
/// certificate that is there at that moment. A key in the YubiKey signs through
/// `dlogin agent`: one touch for each connection. Ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The server: HOST, HOST:PORT or https://HOST (default port: 443)
    #[arg(value_name = "SERVER")]
    server: Server,
    /// Where to listen: unix:PATH, or 127.0.0.1:PORT, 0 being any free port
    /// (default: proxy-HOST-PORT.sock beside the certificates)
    #[arg(long, value_name = "PLACE")]
    listen: Option<Listen>,
    /// Which certificate to show (default: one whose key is in the YubiKey, else
    /// one whose key is on disk)
    #[arg(long)]
    profile: Option<ProfileName>,
    /// The certificate is of this site
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
    /// The CA certificates (PEM) that the server is verified by (default: the
    /// system's)
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
}

/// Runs it until a signal ends it.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    let outcome = serve(arguments);
    outcome.unwrap_or_else(|failure| {
        print::say(&format!("dlogin: {}", failure.text));
        failure.exit
    })
}

/// What is said, and how the program ends.
struct Failure {
    text: String,
    exit: Exit,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            text: error.to_string(),
            exit: error.exit(),
        }
    }
}

impl From<dlogin_proxy::Error> for Failure {
    fn from(error: dlogin_proxy::Error) -> Self {
        use dlogin_proxy::Error as E;
        let exit = match &error {
            E::Name { .. } => Exit::Usage,
            E::NoRoots => Exit::Missing,
            E::CaFile { .. } => Exit::Input,
            _ => Exit::Internal,
        };
        Self {
            text: error.to_string(),
            exit,
        }
    }
}

fn serve(arguments: &Arguments) -> Result<Exit, Failure> {
    let unnamed = Paths::from_env()?;
    let paths = unnamed.at(arguments.site.as_ref());
    let socket = unnamed.certificate_dir().join("service.sock");
    let mut identity = Identity::new(paths.certificate_dir().to_owned(), socket);
    if let Some(profile) = &arguments.profile {
        identity = identity.of_profile(profile.as_str());
    }
    // It may come while the proxy runs.
    if let Err(error) = identity.read() {
        print::say(&format!("dlogin: warning: {error}"));
    }
    let say = Arc::new(|line: &str| print::say(&format!("dlogin: {line}")));
    let roots = roots(arguments.cafile.as_deref())?;
    let proxy = Proxy::new(arguments.server.clone(), identity, roots, say)?;
    let place = match &arguments.listen {
        Some(place) => place.clone(),
        None => {
            let folder = unnamed.certificate_dir();
            dlogin_core::files::private_dir(folder)?;
            let (host, port) = (arguments.server.host(), arguments.server.port());
            Listen::Unix(folder.join(format!("proxy-{host}-{port}.sock")))
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Error::Start { source })?;
    let ended: Result<(), Failure> = runtime.block_on(async {
        let door = Door::open(&place)?;
        let place = door.place().unwrap_or(place);
        let _ = print::line(&format!("{place} leads to {}", arguments.server));
        tokio::select! {
            () = proxy.serve(&door) => {}
            () = interrupt::signalled() => {}
        }
        Ok(())
    });
    // A thread may still wait for a touch; nobody waits for it.
    runtime.shutdown_timeout(Duration::ZERO);
    ended.map(|()| Exit::Done)
}
