//! A CA that misbehaves: the real one, behind a server that has its name and
//! its keys and changes some of its answers on the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use e2e::{process, programs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// An answer on its way: the path that was asked for, and the body.
pub(crate) struct Answer {
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// Another media type than the CA gave.
    pub(crate) media_type: Option<&'static str>,
    /// Another status than the CA gave.
    pub(crate) status: Option<u16>,
    /// It never comes.
    pub(crate) silent: bool,
    /// Followed by zeros without end.
    pub(crate) endless: bool,
}

type Twist = Box<dyn FnMut(&mut Answer) + Send>;

/// The server in the middle. Gone when dropped.
pub(crate) struct Middle {
    address: SocketAddr,
    twist: Arc<Mutex<Twist>>,
    stopping: Arc<AtomicBool>,
}

/// One side of a connection.
type Tls<C> = rustls::StreamOwned<C, TcpStream>;

impl Middle {
    /// Listens on `address` with a certificate from `pki` and hands everything
    /// on to `upstream`.
    pub(crate) fn start(address: SocketAddr, upstream: SocketAddr, pki: &Path, dir: &Path) -> Self {
        let server = server_config(pki, dir);
        let client = client_config(pki);
        let listener = TcpListener::bind(address).unwrap();
        let twist: Arc<Mutex<Twist>> = Arc::new(Mutex::new(Box::new(|_| {})));
        let stopping = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(&twist), Arc::clone(&stopping));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (server, client) = (Arc::clone(&server), Arc::clone(&client));
                let shared = Arc::clone(&shared);
                // A connection ends with an error when its client goes away.
                std::thread::spawn(move || serve(stream, server, client, upstream, &shared));
            }
        });
        Self {
            address,
            twist,
            stopping,
        }
    }

    /// From now on, what happens to each answer.
    pub(crate) fn twist(&self, twist: impl FnMut(&mut Answer) + Send + 'static) {
        *self.twist.lock().unwrap() = Box::new(twist);
    }

    /// The same for answers that are JSON objects.
    pub(crate) fn twist_json(
        &self,
        mut twist: impl FnMut(&str, &mut serde_json::Value) + Send + 'static,
    ) {
        self.twist(move |answer| {
            if let Ok(mut value) = serde_json::from_slice(&answer.body) {
                twist(&answer.path, &mut value);
                answer.body = serde_json::to_vec(&value).unwrap();
            }
        });
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn server_config(pki: &Path, dir: &Path) -> Arc<ServerConfig> {
    let openssl = |args: &[&str]| {
        let mut command = Command::new(programs::system("openssl").unwrap());
        process::succeed(command.current_dir(dir).args(args)).unwrap();
    };
    std::fs::write(
        dir.join("middle.ext"),
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost\n",
    )
    .unwrap();
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "middle.key",
        "-subj",
        "/CN=localhost",
        "-out",
        "middle.csr",
    ]);
    let issuer = pki.join("servers.pem");
    let (certificate, key) = (issuer.to_str().unwrap(), pki.join("servers.key"));
    openssl(&[
        "x509",
        "-req",
        "-in",
        "middle.csr",
        "-CA",
        certificate,
        "-CAkey",
        key.to_str().unwrap(),
        "-set_serial",
        "77",
        "-days",
        "1",
        "-extfile",
        "middle.ext",
        "-out",
        "middle.pem",
    ]);
    let read = |path: &Path| CertificateDer::from_pem_file(path).unwrap();
    let chain = vec![read(&dir.join("middle.pem")), read(&issuer)];
    let key = PrivateKeyDer::from_pem_file(dir.join("middle.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

fn client_config(pki: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pki.join("root.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn serve(
    stream: TcpStream,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    upstream: SocketAddr,
    twist: &Mutex<Twist>,
) -> std::io::Result<()> {
    let other = std::io::Error::other;
    let mut near = Tls::new(ServerConnection::new(server).map_err(other)?, stream);
    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let far = ClientConnection::new(client, name).map_err(other)?;
    let mut far = Tls::new(far, TcpStream::connect(upstream)?);
    loop {
        let (head, body) = message(&mut near, false)?;
        far.write_all(head.as_bytes())?;
        far.write_all(&body)?;
        far.flush()?;
        let mut words = head.split(' ');
        let bodyless = words.next() == Some("HEAD");
        let path = words.next().unwrap_or_default().to_owned();
        let (head, body) = message(&mut far, bodyless)?;
        if bodyless {
            near.write_all(head.as_bytes())?;
            near.flush()?;
            continue;
        }
        let mut answer = Answer {
            path,
            body,
            media_type: None,
            status: None,
            silent: false,
            endless: false,
        };
        (twist.lock().unwrap())(&mut answer);
        if answer.silent {
            // Until whoever asked goes away.
            near.read_exact(&mut [0])?;
        }
        let lines = head.trim_end().split("\r\n");
        let mut kept: Vec<_> = lines
            .filter(|line| !line.to_lowercase().starts_with("content-length:"))
            .filter(|line| {
                answer.media_type.is_none() || !line.to_lowercase().starts_with("content-type:")
            })
            .map(str::to_owned)
            .collect();
        if let (Some(status), Some(first)) = (answer.status, kept.first_mut()) {
            *first = format!("HTTP/1.1 {status} Other");
        }
        if let Some(media_type) = answer.media_type {
            kept.push(format!("content-type: {media_type}"));
        }
        if !answer.endless {
            kept.push(format!("content-length: {}", answer.body.len()));
        }
        near.write_all((kept.join("\r\n") + "\r\n\r\n").as_bytes())?;
        near.write_all(&answer.body)?;
        if answer.endless {
            loop {
                near.write_all(&[b' '; 4096])?;
            }
        }
        near.flush()?;
    }
}

/// One HTTP/1.1 message: its head, with the empty line, and its body.
fn message(from: &mut impl Read, bodyless: bool) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(std::io::Error::other)?;
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; if bodyless { 0 } else { length }];
    from.read_exact(&mut body)?;
    Ok((head, body))
}
