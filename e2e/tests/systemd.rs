//! What systemd does with us: its units, sockets that it hands over, and what
//! it is told. The judges are its own programs; none of them needs it to run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::{Agent, ssh_config};
use e2e::process::Background;
use e2e::site::{Site, USER};
use e2e::{process, programs};
use serde_json::json;
use virtual_yubikey::TouchMode;

fn units(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    let mut units: Vec<_> = std::fs::read_dir(folder.join(kind))
        .unwrap()
        .map(|unit| unit.unwrap().path())
        .collect();
    units.sort();
    units
}

/// The units with our programs where cargo put them.
fn installed(kind: &str, dir: &Path) -> Vec<PathBuf> {
    let bin = programs::ours("dlogin").unwrap();
    let bin = format!("={}/", bin.parent().unwrap().display());
    units(kind)
        .iter()
        .map(|unit| {
            let text = std::fs::read_to_string(unit).unwrap();
            assert!(!text.contains("ExecStart=") || text.contains("=/usr/bin/"));
            let copy = dir.join(unit.file_name().unwrap());
            std::fs::write(&copy, text.replace("=/usr/bin/", &bin)).unwrap();
            copy
        })
        .collect()
}

fn verify(kind: &str, dir: &Path) -> (Option<i32>, String) {
    let mut analyze = Command::new(programs::system("systemd-analyze").unwrap());
    analyze
        .args(["verify", "--man=no", &format!("--{kind}")])
        .args(installed(kind, dir))
        .env("XDG_RUNTIME_DIR", dir);
    let output = process::run(&mut analyze).unwrap();
    (output.status.code(), process::text(&output.stderr))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    for kind in ["user", "system"] {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(verify(kind, dir.path()), (Some(0), String::new()), "{kind}");
    }
}

#[test]
fn systemd_finds_the_cas_unit_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let mut analyze = Command::new(programs::system("systemd-analyze").unwrap());
    // Ten times the exposure that systemd shows, of at most 100.
    analyze
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .args(installed("system", dir.path()));
    process::succeed(&mut analyze).unwrap();
}

fn activator(site: &Site) -> Command {
    let program = programs::system("systemd-socket-activate").unwrap();
    let mut command = site.laptop().command(&program);
    let folder = site.laptop().home().join("run/dlogin");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    // It hands on what it is told to, and not the rest of the environment.
    for (name, value) in command
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
        .collect::<Vec<_>>()
    {
        if let Some(value) = value {
            let mut pair = name;
            pair.push("=");
            pair.push(value);
            command.arg("-E").arg(pair);
        }
    }
    command
}

#[test]
fn the_agent_starts_when_a_program_asks_and_leaves_the_sockets_to_systemd() {
    let site = Site::enrolled(44_000_001).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let mut agent = Agent::on_demand(site.laptop(), activator(&site)).unwrap();
    assert!(!agent.log().contains("SSH_AUTH_SOCK"), "{}", agent.log());

    let me = process::succeed(Command::new("id").arg("-un")).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", me.trim()).unwrap();
    let before = site.touches();
    let mut ssh = site.laptop().command(&programs::system("ssh").unwrap());
    ssh.arg("-F").arg(&config).args(["host", "echo entered"]);
    assert_eq!(process::succeed(&mut ssh).unwrap(), "entered\n");
    assert_eq!(site.touches() - before, 1);
    // The other socket was handed over with the first.
    let list = json!({"version": 1, "request": "list"});
    let identities = agent.service(&list).unwrap();
    assert_eq!(identities["identities"][0]["profile"], "ssh");
    // No second agent, whoever starts it.
    let second = site.laptop().run(&["agent"]).unwrap();
    assert!(process::text(&second.stderr).contains("runs already"));

    assert!(agent.process().stop().unwrap().success());
    assert!(agent.ssh_socket().exists(), "systemd goes on listening");
}

#[test]
fn a_socket_that_is_not_for_an_agent_is_refused() {
    let site = Site::start(44_000_002, TouchMode::Auto).unwrap();
    let mut command = activator(&site);
    let socket = site.laptop().home().join("run/dlogin/other.sock");
    command.arg("-l").arg(&socket);
    command.arg(programs::ours("dlogin").unwrap()).arg("agent");
    let log = site.dir().join("log");
    let mut agent = Background::start(command, &log).unwrap();
    agent
        .wait_for("a socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        })
        .unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(2), "{}", agent.log());
    assert!(agent.log().contains("other.sock"), "{}", agent.log());
    assert!(
        !site.laptop().home().join("run/dlogin/agent.sock").exists(),
        "what it made is gone"
    );
}

#[test]
fn the_ca_says_when_it_serves_and_when_it_stops() {
    let mut site = Site::start(44_000_003, TouchMode::Auto).unwrap();
    site.ca_mut().stop().unwrap();
    let place = site.dir().join("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(process::PATIENCE)).unwrap();
    let hear = || {
        let mut bytes = [0; 64];
        let length = manager.recv(&mut bytes).unwrap();
        process::text(&bytes[..length])
    };
    let mut serve = Command::new(programs::ours("ca").unwrap());
    serve
        .arg("serve")
        .env("CA_DIR", site.dir().join("ca"))
        .env("NOTIFY_SOCKET", &place);
    let mut serve = Background::start(serve, &site.dir().join("serve.log")).unwrap();
    assert_eq!(hear(), "READY=1");
    site.trust_ca().unwrap();
    serve.signal(rustix::process::Signal::TERM).unwrap();
    assert_eq!(hear(), "STOPPING=1");
    assert!(serve.wait().unwrap().success(), "{}", serve.log());
}
