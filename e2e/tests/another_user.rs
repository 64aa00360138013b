//! What another user of the machine gets of the agent and the proxy: nothing,
//! wherever their sockets stand. Only root can try it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use e2e::agent::Agent;
use e2e::process::{Background, PATIENCE, within};
use e2e::proxy::Proxy;
use e2e::site::{DISK_NAME, Site};
use e2e::{process, programs};
use serde_json::{Value, json};

const PYTHON: &str = "/usr/bin/python3";

/// Sends a frame to a socket and prints how long the answer is.
const ASK: &str = "
import socket, sys
place, request = sys.argv[1:]
agent = socket.socket(socket.AF_UNIX)
agent.connect(place)
try:
    agent.sendall(len(request).to_bytes(4, 'big') + request.encode())
    print(len(agent.recv(4096)))
except (BrokenPipeError, ConnectionResetError):
    print(0)
";

fn ask(mut python: Command, socket: &Path, request: &str) -> Output {
    python.args(["-c", ASK]).arg(socket).arg(request);
    process::run(&mut python).unwrap()
}

#[test]
fn the_agent_hears_neither_on_its_sockets() {
    let site = Site::enrolled(48_000_001).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env("DLOGIN_LOG", "warn");
    let agent = Agent::start_as(site.laptop(), agent).unwrap();
    // The first request of each language: a list.
    let list = json!({"version": 1, "request": "list"}).to_string();
    let service = site.laptop().certificate("service.sock");
    for (socket, request) in [(agent.ssh_socket(), "\u{b}"), (service, list.as_str())] {
        let Some(somebody) = programs::as_somebody_else(Path::new(PYTHON)).unwrap() else {
            return;
        };
        // The folder is closed to others,
        let said = process::text(&ask(somebody, &socket, request).stderr);
        assert!(said.contains("PermissionError"), "{said}");
        // and where it is not, the kernel is asked.
        programs::open_to_all(site.dir(), &socket).unwrap();
        let somebody = programs::as_somebody_else(Path::new(PYTHON))
            .unwrap()
            .unwrap();
        let heard = agent.log().matches("turned away").count();
        let answer = ask(somebody, &socket, request);
        assert_eq!(process::text(&answer.stdout), "0\n");
        let told = || agent.log().matches("turned away").count() == heard + 1;
        assert!(within(PATIENCE, told), "{}", agent.log());
        assert!(agent.log().contains("another user (65534, not 0)"));
        let ours = Command::new(PYTHON);
        let answer = ask(ours, &socket, request);
        assert_ne!(process::text(&answer.stdout), "0\n");
        // Closed again, for the next.
        set_permissions(socket.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn the_proxy_carries_nothing_from_its_socket() {
    let site = Site::enrolled(48_000_002).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let server = site.intranet().unwrap();
    let (to, cafile) = (server.host_and_port(), server.certificate());
    let args = [&to, "--cafile", cafile.to_str().unwrap()];
    let proxy = Proxy::start(site.laptop(), &args).unwrap();
    let program = programs::system("curl").unwrap();
    let curl = |mut curl: Command| {
        curl.args(["--silent", "--max-time", "60", "--unix-socket"])
            .arg(proxy.socket())
            .arg("http://intranet/whoami");
        process::run(&mut curl).unwrap()
    };
    let Some(somebody) = programs::as_somebody_else(&program).unwrap() else {
        return;
    };
    let output = curl(somebody);
    assert_eq!(output.status.code(), Some(7), "curl: could not connect");
    programs::open_to_all(site.dir(), &proxy.socket()).unwrap();
    let output = curl(programs::as_somebody_else(&program).unwrap().unwrap());
    assert!(!output.status.success());
    assert_eq!(process::text(&output.stdout), "");
    let told = || proxy.log().contains("a connection of another user (65534)");
    assert!(within(PATIENCE, told), "{}", proxy.log());
    let page = process::text(&curl(Command::new(&program)).stdout);
    assert!(page.contains(DISK_NAME), "{page}{}", proxy.log());
}

#[test]
fn an_agent_of_another_user_is_asked_for_nothing() {
    let site = Site::enrolled(48_000_003).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    let touches = site.touches();
    let Some(mut python) = programs::as_somebody_else(Path::new(PYTHON)).unwrap() else {
        return;
    };
    // Somebody who could write where our socket is to be.
    let socket = site.laptop().certificate("service.sock");
    let folder = socket.parent().unwrap();
    let lock = folder.join("agent.lock");
    std::fs::write(&lock, "").unwrap();
    programs::open_to_all(site.dir(), &lock).unwrap();
    set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let heard = site.dir().join("heard");
    let listen = "
import socket, sys
trap = socket.socket(socket.AF_UNIX)
trap.bind(sys.argv[1])
trap.listen()
while True:
    print('heard', trap.accept()[0].recv(4096), flush=True)
";
    python.args(["-c", listen]).arg(&socket);
    let mut trap = Background::start(python, &heard).unwrap();
    trap.wait_for("a socket", || socket.exists()).unwrap();

    let doctor = site.laptop().run(&["doctor", "--json"]).unwrap();
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let told = report["checks"].as_array().unwrap().iter().any(|check| {
        let what = check["what"].as_str().unwrap();
        check["id"] == "agent" && what.contains("another user (65534")
    });
    assert!(told, "{report:#}");
    // Nor by the module, in a handshake.
    let server = site.intranet().unwrap();
    let mut curl = Command::new(programs::system("curl").unwrap());
    curl.args(["--silent", "--engine", "pkcs11", "--key-type", "ENG"])
        .args(["--key", "pkcs11:token=dlogin;object=tls;type=private"])
        .arg("--cert")
        .arg(site.laptop().certificate("tls.pem"))
        .arg("--cacert")
        .arg(server.certificate())
        .arg(server.url("/whoami"))
        .env("PKCS11_MODULE_PATH", programs::module().unwrap());
    let output = process::run(&mut site.laptop().adopt(curl)).unwrap();
    assert!(!output.status.success());
    let heard = trap.log();
    assert!(!heard.contains("sign"), "{heard}");
    assert!(!heard.contains("list"), "{heard}");
    assert_eq!(site.touches(), touches);
}
