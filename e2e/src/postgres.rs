//! A real PostgreSQL that lets in whoever holds a client certificate of the CA
//! with the name of a role.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{self, Background};
use crate::{Failure, Result, openssl};

/// Somebody who is not root: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// PostgreSQL in a folder of its own.
#[derive(Debug)]
pub struct Postgres {
    server: Background,
    address: SocketAddr,
    dir: TempDir,
}

impl Postgres {
    /// Starts it with these roles; clients are verified against `client_root`
    /// (PEM), and enter as the role of their certificate's name alone.
    pub fn start(client_root: &Path, roles: &[&str]) -> Result<Self> {
        let dir = TempDir::with_prefix("postgres-")?;
        let address = process::free_address()?;
        fs::copy(client_root, dir.path().join("clients.pem"))?;
        openssl::self_signed(dir.path())?;
        fs::write(
            dir.path().join("hba.conf"),
            "local all admin trust\n\
             hostssl all all 127.0.0.1/32 trust clientcert=verify-full\n",
        )?;
        let key = dir.path().join("server.key");
        fs::set_permissions(&key, Permissions::from_mode(0o600))?;
        if rustix::process::getuid().is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY))?;
            for entry in fs::read_dir(dir.path())? {
                chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
            }
        }
        let d = dir.path().display();
        process::succeed(as_somebody(&program("initdb")?).args([
            "--no-sync",
            "--username=admin",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=trust",
            &format!("--pgdata={d}/data"),
        ]))?;
        let mut postgres = as_somebody(&program("postgres")?);
        postgres.arg("-D").arg(dir.path().join("data"));
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", address.port()),
            format!("unix_socket_directories={d}"),
            format!("hba_file={d}/hba.conf"),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={d}/server.pem"),
            format!("ssl_key_file={d}/server.key"),
            format!("ssl_ca_file={d}/clients.pem"),
        ] {
            postgres.args(["-c", &setting]);
        }
        let mut server = Background::start(postgres, &dir.path().join("postgres.log"))?;
        server.wait_for("database", || {
            process::run(&mut admin(dir.path(), address, "select 1"))
                .is_ok_and(|output| output.status.success())
        })?;
        for role in roles {
            let create = format!("create role \"{role}\" login");
            process::succeed(&mut admin(dir.path(), address, &create))?;
        }
        Ok(Self {
            server,
            address,
            dir,
        })
    }

    /// The words of a connection string that lead to it as this role; the
    /// certificate and its key are the caller's.
    #[must_use]
    pub fn connection(&self, role: &str) -> String {
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} dbname=postgres user={role} \
             sslmode=verify-full sslrootcert={}",
            self.address.port(),
            self.dir.path().join("server.pem").display()
        )
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }
}

impl Drop for Postgres {
    /// Killed at once, it would leave memory and children behind.
    fn drop(&mut self) {
        let _ = self.server.signal(Signal::INT);
        let _ = self.server.wait();
    }
}

fn admin(dir: &Path, address: SocketAddr, statement: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .arg("--host")
        .arg(dir)
        .args(["--port", &address.port().to_string()])
        .args(["--username=admin", "--dbname=postgres", "--command"])
        .arg(statement);
    psql
}

fn as_somebody(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let nobody = NOBODY.to_string();
    command
        .args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"])
        .arg(program);
    command
}

/// Debian keeps the server's programs in a folder for each version.
fn program(name: &str) -> Result<PathBuf> {
    fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .find(|path| path.is_file())
        .ok_or_else(|| Failure::new(format!("{name} is not installed; run scripts/setup")))
}
