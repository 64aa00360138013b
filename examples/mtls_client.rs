//! Fetches a page that wants a client certificate, with the key in the YubiKey.
//!
//!     cargo run --example mtls_client -- https://intranet.example.net/
//!
//! By default `dlogin agent` signs: no PIN is handled here, and the certificate
//! is the one that `dlogin` left. With `--card FILE` the card signs, without an
//! agent: FILE is the certificate, the key is in slot 9a, and the PIN comes from
//! standard input.
//!
//!     --profile NAME   which certificate, where there are several
//!     --cafile FILE    whom to trust as the server's CA, instead of the system's
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use piv_attest::Slot;
use piv_token::rustls::{CardKey, CertificateFile};
use piv_token::{Pin, TouchNeed};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

#[derive(Default)]
struct Arguments {
    url: String,
    profile: Option<String>,
    cafile: Option<String>,
    card: Option<String>,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| fetch(&arguments)) {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mtls_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--profile" => arguments.profile = words.next(),
            "--cafile" => arguments.cafile = words.next(),
            "--card" => arguments.card = words.next(),
            url => url.clone_into(&mut arguments.url),
        }
    }
    if arguments.url.is_empty() {
        return Err("usage: mtls_client [--profile NAME | --card FILE] [--cafile FILE] URL".into());
    }
    Ok(arguments)
}

fn fetch(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let rest = arguments.url.strip_prefix("https://");
    let rest = rest.ok_or("the URL must begin with https://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse()?),
        None => (authority, 443),
    };
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots(arguments.cafile.as_deref())?)
        .with_client_cert_resolver(identity(arguments, host)?);
    // Each connection takes a touch.
    config.resumption = rustls::client::Resumption::disabled();
    let name = ServerName::try_from(host.to_owned())?;
    let mut tls = ClientConnection::new(Arc::new(config), name)?;
    let mut tcp = TcpStream::connect((host, port))?;
    let mut stream = Stream::new(&mut tls, &mut tcp);
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n")?;
    let mut page = Vec::new();
    match stream.read_to_end(&mut page) {
        Ok(_) => {}
        // Many servers close without saying so; HTTP/1.0 knows no better.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !page.is_empty() => {}
        Err(error) => return Err(error.into()),
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The certificate and its key, through the agent or straight from the card.
fn identity(
    arguments: &Arguments,
    host: &str,
) -> Result<Arc<dyn ResolvesClientCert>, Box<dyn Error>> {
    if let Some(certificate) = &arguments.card {
        let key = CardKey::new(
            Box::new(piv_token::open(None)?),
            Slot::AUTHENTICATION,
            ask_pin,
            |_: TouchNeed| eprintln!("Touch the YubiKey now"),
        )?;
        let identity = CertificateFile::new(certificate, Arc::new(key));
        // Says why, where there is no certificate to show.
        identity.read()?;
        return Ok(Arc::new(identity));
    }
    let mut identity = dlogin_tls::Identity::from_env()?.for_peer(host);
    if let Some(profile) = &arguments.profile {
        identity = identity.of_profile(profile);
    }
    identity.read()?;
    Ok(Arc::new(identity))
}

fn ask_pin() -> Option<Pin> {
    eprint!("PIN: ");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Pin::new(line.trim_end()).ok()
}

fn roots(cafile: Option<&str>) -> Result<RootCertStore, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    match cafile {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}
