//! A web site for members only: nginx, HTTP/2, a client certificate wanted.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background};
use crate::{Result, programs};

/// nginx in a folder of its own.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    dir: PathBuf,
    server: Background,
}

impl Nginx {
    /// Starts it in `dir`, with the file `crls.pem` there as its ssl_crl if there is one;
    /// whoever has a certificate under `client_root` (PEM) sees a page with that
    /// person's name and `images` images.
    pub fn start(dir: &Path, client_root: &Path, images: usize) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let address = process::free_address()?;
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
        fs::copy(client_root, dir.join("clients.pem"))?;
        let pictures: String = (1..=images)
            .map(|n| format!("<img src='/i/{n}.svg' alt=''>"))
            .collect();
        let d = dir.display();
        let user = if rustix::process::getuid().is_root() {
            "user root;"
        } else {
            ""
        };
        // Whoever wants it puts it there before.
        let revoked = if dir.join("crls.pem").exists() {
            format!("ssl_crl {d}/crls.pem;\n")
        } else {
            String::new()
        };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {d}/{kind};\n"))
            .collect();
        // One process: a worker would outlive a master that is killed.
        fs::write(
            dir.join("nginx.conf"),
            format!(
                "{user} daemon off; master_process off; pid {d}/nginx.pid;\n\
                 events {{ worker_connections 128; }}\n\
                 http {{\n{temporary}\
                 log_format who '$ssl_client_verify \"$ssl_client_s_dn\" $server_protocol $uri $connection $ssl_session_reused';\n\
                 access_log {d}/access.log who;\n\
                 server {{\n\
                 listen {address} ssl http2;\n\
                 ssl_certificate {d}/server.pem; ssl_certificate_key {d}/server.key;\n\
                 ssl_client_certificate {d}/clients.pem; ssl_verify_client on; ssl_verify_depth 4;\n\
                 {revoked}\
                 ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_cache shared:s:1m;\n\
                 keepalive_timeout 600s;\n\
                 location / {{ default_type text/html; return 200 \"{}\"; }}\n\
                 location /i/ {{ default_type image/svg+xml; return 200 \"{}\"; }}\n\
                 }} }}\n",
                page(&pictures),
                "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>\
                 <circle cx='12' cy='12' r='9' fill='#2a7'/></svg>",
            ),
        )?;
        Ok(Self {
            address,
            dir: dir.to_owned(),
            server: Self::run(dir, address)?,
        })
    }

    /// Ends it and starts it again at the same place, so that it reads its files anew. (One
    /// process alone cannot reload: it has no connections left then.)
    pub fn restart(&mut self) -> Result<()> {
        self.server.stop()?;
        self.server = Self::run(&self.dir, self.address)?;
        Ok(())
    }

    fn run(dir: &Path, address: SocketAddr) -> Result<Background> {
        let mut command = Command::new(programs::system("nginx")?);
        command
            .args(["-e", "stderr", "-p"])
            .arg(dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"));
        let mut server = Background::start(command, &dir.join("nginx.log"))?;
        server.wait_for_port(address)?;
        Ok(server)
    }

    /// The page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// The same without a path, as a policy names it.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The CA of its own certificate.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A line for each request: verified or not, who, protocol, path,
    /// connection, whether the session was resumed.
    #[must_use]
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.dir.join("access.log")).unwrap_or_default()
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
        self.server.log()
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
