//! Firefox and Chromium, headless, enter a page that only a client certificate
//! opens; the private key is the agent's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(unsafe_code, reason = "shares a folder with tests of the C interface")]

mod common;

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::agent::{Agent, Manner};
use common::files;
use common::programs::{library, run};
use dlogin_service::Refusal;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const HOUR: i64 = 3600;
/// Longer than a browser takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process with all of its children, ended on drop.
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    /// Waits until it ends or `done`.
    fn until(&mut self, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() && self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it takes too long");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// A person with a certificate in the YubiKey, and a page for her alone.
struct Place {
    // Dropped in this order.
    _server: Group,
    agent: Agent,
    port: u16,
    dir: TempDir,
}

impl Place {
    /// The certificate ends in so many seconds.
    fn new(seconds: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("dlogin");
        fs::create_dir(&folder).unwrap();
        let key = files::in_yubikey(&folder, "tls", seconds);
        let agent = Agent::start(&folder, Manner::Sign(key));
        let (server, port) = serve(dir.path(), &folder.join("tls.pem"));
        Self {
            _server: server,
            agent,
            port,
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// How many handshakes with her certificate the server has seen to be good.
    fn entered(&self) -> usize {
        let log = fs::read_to_string(self.path("server.log")).unwrap();
        log.matches("CN = tls.example\nverify return:1").count()
    }

    /// A signature for each handshake and no more. The browser is ended when the
    /// page is there, so that one handshake may not have come to its end.
    fn no_signature_without_handshake(&self) {
        let (asked, entered) = (self.agent.asked().len(), self.entered());
        assert!(
            (entered..=entered + 1).contains(&asked),
            "{asked} {entered}"
        );
    }

    /// An NSS database that trusts the server and has the module.
    fn database(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let place = format!("sql:{}", folder.display());
        run(Command::new("certutil").args(["-N", "--empty-password", "-d", &place]));
        run(Command::new("certutil")
            .args(["-A", "-n", "site", "-t", "C,,", "-d", &place, "-i"])
            .arg(self.path("ca.pem")));
        run(Command::new("modutil")
            .args(["-force", "-add", "dlogin", "-dbdir", &place, "-libfile"])
            .arg(library()));
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_RUNTIME_DIR", self.dir.path())
            .env("HOME", self.path("home"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stderr(File::create(self.path("browser.log")).unwrap());
        command
    }

    /// Firefox paints the page; whether it was painted.
    fn firefox(&self) -> bool {
        let profile = self.path("firefox");
        self.database(&profile);
        fs::write(
            profile.join("user.js"),
            "user_pref(\"security.default_personal_cert\", \"Select Automatically\");\n\
             user_pref(\"network.captive-portal-service.enabled\", false);\n\
             user_pref(\"network.connectivity-service.enabled\", false);\n",
        )
        .unwrap();
        let picture = self.path("page.png");
        let mut firefox = self.command("firefox-esr");
        firefox
            .args(["--headless", "--no-remote", "--profile"])
            .arg(&profile)
            .arg("--screenshot")
            .arg(&picture)
            .arg(self.url())
            .stdout(Stdio::null());
        Group::start(&mut firefox).until(|| picture.exists());
        picture.exists()
    }

    /// Chromium loads the page; its text.
    fn chromium(&self) -> String {
        self.database(&self.path("home/.pki/nssdb"));
        // The folder of policies is one for the machine: here, for one process.
        let policies = self.path("policies/managed");
        fs::create_dir_all(&policies).unwrap();
        let chosen = r#"{"pattern":"https://localhost","filter":{}}"#;
        fs::write(
            policies.join("dlogin.json"),
            format!("{{\"AutoSelectCertificateForUrls\":[{chosen:?}]}}"),
        )
        .unwrap();
        let page = self.path("page.html");
        let mut chromium = self.command("unshare");
        if rustix::process::getuid().is_root() {
            chromium.arg("--mount");
        } else {
            chromium.args(["--mount", "--map-root-user"]);
        }
        chromium
            .args(["sh", "-c"])
            .arg("mount --bind \"$1\" /etc/chromium && shift && exec chromium \"$@\"")
            .arg("sh")
            .arg(self.dir.path())
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--no-first-run", "--disable-background-networking"])
            .arg(format!(
                "--user-data-dir={}",
                self.path("chromium").display()
            ))
            .args(["--dump-dom", &self.url()])
            .stdout(File::create(&page).unwrap());
        Group::start(&mut chromium).until(|| false);
        fs::read_to_string(page).unwrap()
    }
}

/// `openssl s_server` in `dir`, which lets in whoever has `client`.
fn serve(dir: &Path, client: &Path) -> (Group, u16) {
    let openssl = |args: &str| {
        run(Command::new("openssl")
            .current_dir(dir)
            .args(args.split_whitespace()))
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
    openssl(&format!(
        "req -x509 {new} /CN=Site -days 2 -keyout ca.key -out ca.pem"
    ));
    openssl(&format!(
        "req {new} /CN=localhost -keyout server.key -out server.csr"
    ));
    fs::write(
        dir.join("extensions"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n",
    )
    .unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 \
         -extfile extensions -out server.pem",
    );
    let log = dir.join("server.log");
    let output = File::create(&log).unwrap();
    let server = Group::start(
        Command::new("openssl")
            .current_dir(dir)
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-cert", "server.pem", "-key", "server.key", "-CAfile"])
            .arg(client)
            .args(["-Verify", "1", "-verify_return_error"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output),
    );
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&log).unwrap();
        let said = text.lines().find_map(|line| line.strip_prefix("ACCEPT "));
        if let Some(port) = said.and_then(|address| address.rsplit(':').next()) {
            return (server, port.trim().parse().unwrap());
        }
        assert!(Instant::now() < end, "no server:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn firefox_enters_with_a_signature_for_each_handshake() {
    let place = Place::new(HOUR);
    assert!(place.firefox());
    assert!(place.entered() > 0, "{}", place.port);
    place.no_signature_without_handshake();
}

#[test]
fn chromium_enters_with_a_signature_for_each_handshake() {
    let place = Place::new(HOUR);
    let page = place.chromium();
    assert!(page.contains("Peer signature type: ECDSA"), "{page}");
    assert!(place.entered() > 0);
    place.no_signature_without_handshake();
}

#[test]
fn chromium_stays_outside_when_the_person_says_no() {
    let place = Place::new(HOUR);
    place.agent.change(Manner::Refuse(Refusal::Cancelled));
    let page = place.chromium();
    assert!(!page.contains("Peer signature type"), "{page}");
    assert_eq!(place.entered(), 0);
    assert!(!place.agent.asked().is_empty());
}

#[test]
fn chromium_stays_outside_once_the_certificate_has_expired() {
    let place = Place::new(-5);
    let page = place.chromium();
    assert!(!page.contains("Peer signature type"), "{page}");
    assert_eq!(place.entered(), 0);
    assert!(place.agent.asked().is_empty(), "it is not offered any more");
}
