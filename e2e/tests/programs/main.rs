//! Other people's programs, each by the door that docs/programs.md names, each
//! against a real server that wants a client certificate; touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod databases;
mod go;
mod java;
mod kubernetes;
mod module;
mod python;
mod variables;
mod web;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use e2e::agent::Agent;
use e2e::intranet::Intranet;
use e2e::proxy::Proxy;
use e2e::site::Site;
use e2e::{process, programs};

const KEY: &str = "pkcs11:token=dlogin;object=tls;type=private";

/// A person with certificates, an agent, and a server to go to.
struct Day<S = Intranet> {
    // Dropped in this order.
    agent: Agent,
    server: S,
    site: Site,
}

fn module() -> PathBuf {
    programs::module().unwrap()
}

impl<S> Day<S> {
    fn at(serial: u32, server: impl FnOnce(&Site) -> S) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let agent = Agent::start(site.laptop(), &[]).unwrap();
        let server = server(&site);
        Self {
            agent,
            server,
            site,
        }
    }

    fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }
}

impl Day {
    fn begin(serial: u32) -> Self {
        Self::at(serial, |site| site.intranet().unwrap())
    }

    fn program(&self, name: &str) -> Command {
        self.adopt(Command::new(programs::system(name).unwrap()))
    }

    /// What go and python programs of ours are told, to enter with the key on disk.
    fn disk_arguments(&self) -> [OsString; 5] {
        let [chain, key] = ["tls-disk.pem", "tls-disk.key"].map(|name| self.certificate(name));
        let url = self.server.url("/whoami");
        let server = self.server.certificate();
        [
            "disk".into(),
            server.into(),
            chain.into(),
            key.into(),
            url.into(),
        ]
    }

    fn adopt(&self, command: Command) -> Command {
        let mut command = self.site.laptop().adopt(command);
        // Whoever runs this may have said whom to trust.
        for name in ["GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            command.env_remove(name);
        }
        command
            .env("PKCS11_MODULE_PATH", module())
            .env("DLOGIN_PKCS11_LOG", "1");
        command
    }

    /// A program of p11-kit's world, which reads a person's configuration, but
    /// none of root's: there it runs under another number for the same user.
    fn p11_program(&self, name: &str) -> Command {
        let modules = self.site.laptop().home().join(".config/pkcs11/modules");
        std::fs::create_dir_all(&modules).unwrap();
        let line = format!("module: {}\n", module().display());
        std::fs::write(modules.join("dlogin.module"), line).unwrap();
        if !rustix::process::getuid().is_root() {
            return self.program(name);
        }
        let mut command = self.program("unshare");
        command
            .args(["--user", "--map-user=1000", "--map-group=1000"])
            .arg(programs::system(name).unwrap());
        command
    }

    fn certificate(&self, file: &str) -> PathBuf {
        self.site.laptop().certificate(file)
    }

    /// What it printed; it ended well.
    #[track_caller]
    fn printed(&self, command: &mut Command) -> String {
        process::succeed(command)
            .unwrap_or_else(|error| panic!("{error}\n{}{}", self.agent.log(), self.server.log()))
    }

    /// A proxy to the server, with the key in the YubiKey.
    fn proxy(&self, args: &[&str]) -> Proxy {
        let (to, cafile) = (self.server.host_and_port(), self.server.certificate());
        let all = [&[to.as_str(), "--cafile", cafile.to_str().unwrap()], args].concat();
        Proxy::start(self.site.laptop(), &all).unwrap()
    }
}
