//! A web site for members only: nginx, HTTP/2, a client certificate wanted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, programs};

mod server;

pub(crate) use server::Server;

/// nginx in a folder of its own.
#[derive(Debug)]
pub struct Nginx(Server);

impl Nginx {
    /// Starts it in `dir`, with the file `crls.pem` there as its ssl_crl if there is one;
    /// whoever has a certificate under `client_root` (PEM) sees a page with that
    /// person's name and `images` images.
    pub fn start(dir: &Path, client_root: &Path, images: usize) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let openssl = programs::system("openssl")?;
        let run = |args: &str| {
            process::succeed(
                Command::new(&openssl)
                    .current_dir(dir)
                    .args(args.split_whitespace()),
            )
        };
        let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
        run(&format!(
            "req -x509 {new} /CN=Site -days 2 -keyout ca.key -out ca.pem"
        ))?;
        run(&format!(
            "req {new} /CN=localhost -keyout server.key -out server.csr"
        ))?;
        fs::write(
            dir.join("extensions"),
            "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n",
        )?;
        run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 \
             -extfile extensions -out server.pem")?;
        let pictures: String = (1..=images)
            .map(|n| format!("<img src='/i/{n}.svg' alt=''>"))
            .collect();
        let http = format!(
            "log_format who '$ssl_client_verify \"$ssl_client_s_dn\" $server_protocol $uri \
             $connection $ssl_session_reused';\n\
             access_log {}/access.log who;",
            dir.display()
        );
        // Whoever wants it puts it there before.
        let crls = dir.join("crls.pem");
        let revoked = if crls.exists() {
            format!("ssl_crl {};\n", crls.display())
        } else {
            String::new()
        };
        let lines = format!(
            "{revoked}ssl_session_tickets on; ssl_session_cache shared:s:1m;\n\
             location / {{ default_type text/html; return 200 \"{}\"; }}\n\
             location /i/ {{ default_type image/svg+xml; return 200 \"{}\"; }}",
            page(&pictures),
            "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>\
             <circle cx='12' cy='12' r='9' fill='#2a7'/></svg>",
        );
        Ok(Self(Server::start(
            dir,
            client_root,
            "http2",
            &http,
            &lines,
        )?))
    }

    /// Ends it and starts it again at the same place, so that it reads its files anew.
    /// (One process alone cannot reload: it has no connections left then.)
    pub fn restart(&mut self) -> Result<()> {
        self.0.restart()
    }

    /// The page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/", self.0.host_and_port())
    }

    /// The same without a path, as a policy names it.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://{}", self.0.host_and_port())
    }

    /// The CA of its own certificate.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.0.file("ca.pem")
    }

    /// A line for each request: verified or not, who, protocol, path,
    /// connection, whether the session was resumed.
    #[must_use]
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.0.file("access.log")).unwrap_or_default()
    }

    /// How many connections brought a good certificate in a handshake of their
    /// own: as many signatures were made for them.
    #[must_use]
    pub fn full_handshakes(&self) -> usize {
        let log = self.access_log();
        let mut connections: Vec<_> = log
            .lines()
            .filter(|line| line.starts_with("SUCCESS ") && line.ends_with(" ."))
            .filter_map(|line| line.rsplit(' ').nth(1))
            .collect();
        connections.sort_unstable();
        connections.dedup();
        connections.len()
    }

    /// What nginx complained of.
    #[must_use]
    pub fn log(&self) -> String {
        self.0.log()
    }
}

fn page(pictures: &str) -> String {
    format!(
        "<!doctype html><meta charset='utf-8'><title>Members only</title>\
         <link rel='icon' href='data:,'>\
         <body style='font:20px sans-serif;margin:3em'><h1>Members only</h1>\
         <p>You are <b id='who'>$ssl_client_s_dn</b></p>\
         <p>by a certificate of $ssl_client_i_dn, until $ssl_client_v_end</p>\
         <p>over <span id='how'>$ssl_protocol, $server_protocol</span></p><p>{pictures}</p>"
    )
}
