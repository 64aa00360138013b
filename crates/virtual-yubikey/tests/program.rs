//! The program `virtual-yubikey`, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_virtual-yubikey"))
}

fn run(dir: &Path, options: &[&str], command: &[&str]) -> Output {
    program()
        .args(["run", "--dir"])
        .arg(dir)
        .args(options)
        .arg("--")
        .args(command)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks a running one something; what it printed, or what it said against it.
fn ask(dir: &Path, request: &[&str]) -> Result<String, String> {
    let output = program()
        .args(request)
        .arg("--dir")
        .arg(dir)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

fn status(dir: &Path) -> serde_json::Value {
    let mut all: serde_json::Value = serde_json::from_str(&ask(dir, &["status"]).unwrap()).unwrap();
    all[0].take()
}

#[test]
fn the_command_sees_the_key_and_its_exit_code_is_ours() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--serial", "123", "--firmware", "5.4.3", "--touch", "auto"];
    let output = run(dir.path(), &options, &["yubico-piv-tool", "-a", "status"]);
    assert!(output.status.success());
    let printed = text(&output.stdout);
    assert!(
        printed.contains("5.4.3") && printed.contains("123"),
        "{printed}"
    );
    let output = run(dir.path(), &options, &["sh", "-c", "exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    let output = run(dir.path(), &options, &["sh", "-c", "kill -KILL $$"]);
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn what_is_in_the_way_is_one_line_and_125() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["--serial", "5"], &["no-such-command"]);
    assert_eq!(output.status.code(), Some(125));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("virtual-yubikey: cannot start no-such-command"),
        "{error}"
    );
    let output = run(
        dir.path(),
        &["--serial", "5", "--firmware", "5.4.3"],
        &["true"],
    );
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("has firmware 5.7.4, not 5.4.3"));
    let error = ask(dir.path(), &["touch"]).unwrap_err();
    assert!(error.contains("no virtual YubiKey runs in"), "{error}");
    let output = run(dir.path(), &["--firmware", "three"], &["true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no firmware version"));
}

/// A PATH as people have it who are not root: Debian's pcscd is not on it.
const PATH_OF_A_PERSON: &str = "/usr/local/bin:/usr/bin:/bin";

#[test]
fn pcscd_is_found_by_who_is_not_root() {
    let dir = tempfile::tempdir().unwrap();
    let output = program()
        .env("PATH", PATH_OF_A_PERSON)
        .args(["run", "--dir"])
        .arg(dir.path())
        .args(["--", "yubico-piv-tool", "-a", "status"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_pcscd_that_ends_is_told_at_once_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let first = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/false", first.path().join("pcscd")).unwrap();
    let path = format!("{}:{PATH_OF_A_PERSON}", first.path().display());
    let output = program()
        .env("PATH", path)
        .args(["run", "--dir"])
        .arg(dir.path())
        .args(["--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("virtual-yubikey: pcscd ended (exit status: 1); it said:"),
        "{error}"
    );
}

#[test]
fn nothing_is_left_when_the_command_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &[], &["sh", "-c", "echo $PCSCLITE_CSOCK_NAME"]);
    let socket = text(&output.stdout).trim().to_owned();
    assert!(socket.ends_with("pcscd.comm"));
    assert!(!Path::new(&socket).parent().unwrap().exists());
    assert!(!dir.path().join("control.sock").exists());
    assert!(!running_with(&socket));
}

/// Whether a pcscd runs whose configuration lies beside this socket.
fn running_with(socket: &str) -> bool {
    let folder = Path::new(socket)
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    std::fs::read_dir("/proc").unwrap().any(|process| {
        let line = std::fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        text(&line).contains(&folder)
    })
}

/// A child that does not outlive its test.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // Not KILL: it shall clean up.
            let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
            let _ = self.0.wait();
        }
    }
}

/// Starts it without a command; the value of the socket variable it prints.
fn stay(dir: &Path, options: &[&str]) -> (Running, String) {
    let mut child = program()
        .args(["run", "--dir"])
        .arg(dir)
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .take(2)
        .map(Result::unwrap)
        .collect();
    let value = |line: &str, name: &str| {
        let start = format!("export {name}='");
        let value = line.strip_prefix(&start).unwrap().strip_suffix('\'');
        value.unwrap().to_owned()
    };
    let folder = value(&lines[1], "VIRTUAL_YUBIKEY_DIR");
    assert_eq!(Path::new(&folder), dir.canonicalize().unwrap());
    (Running(child), value(&lines[0], "PCSCLITE_CSOCK_NAME"))
}

#[test]
fn without_a_command_it_prints_the_environment_and_stays_until_a_signal() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, socket) = stay(dir.path(), &["--serial", "9"]);
        let status = Command::new("yubico-piv-tool")
            .args(["-a", "status"])
            .env("PCSCLITE_CSOCK_NAME", &socket)
            .output()
            .unwrap();
        assert!(text(&status.stdout).contains("Serial Number:\t9"));
        child.signal(signal);
        assert!(child.0.wait().unwrap().success());
        assert!(!running_with(&socket));
    }
}

#[test]
fn killing_it_ends_its_pcscd() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, socket) = stay(dir.path(), &[]);
    assert!(running_with(&socket));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let begin = Instant::now();
    while running_with(&socket) {
        assert!(begin.elapsed() < PATIENCE, "pcscd outlives it");
        std::thread::sleep(Duration::from_millis(5));
    }
    // What it left lying about is no obstacle.
    let output = run(dir.path(), &[], &["yubico-piv-tool", "-a", "status"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let _ = std::fs::remove_dir_all(Path::new(&socket).parent().unwrap());
}

#[test]
fn a_signal_to_us_reaches_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = program()
        .args(["run", "--dir"])
        .arg(dir.path())
        .args(["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut running = Running(child);
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    running.signal(Signal::TERM);
    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(running.0.wait().unwrap().code(), Some(3));
}

#[test]
fn a_person_touches_unplugs_and_looks() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_running, socket) = stay(dir, &["--firmware", "5.4.3"]);
    let tool = |arguments: &[&str]| {
        let mut command = Command::new("yubico-piv-tool");
        command.args(arguments).env("PCSCLITE_CSOCK_NAME", &socket);
        command
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let generate = [
        "-a",
        "generate",
        "-s",
        "9e",
        "-A",
        "ECCP256",
        "--touch-policy=always",
    ];
    let made = tool(&[&generate[..], &["-o", "pub"]].concat())
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(status(dir)["mode"], "manual");
    assert!(ask(dir, &["touch"]).unwrap_err().contains("not waiting"));

    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(dir)
            .output();
        assert!(done.unwrap().status.success());
    };
    openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "ca",
    ]);
    openssl(&[
        "req", "-x509", "-new", "-key", "ca", "-subj", "/CN=CA", "-out", "ca.pem",
    ]);
    openssl(&[
        "x509",
        "-new",
        "-force_pubkey",
        "pub",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca",
        "-subj",
        "/CN=9e",
        "-out",
        "cert",
    ]);
    let sign = ["-a", "test-signature", "-s", "9e", "-i", "cert"];
    let mut signing = tool(&sign).spawn().unwrap();
    ask(dir, &["wait-for-touch"]).unwrap();
    assert_eq!(status(dir)["waiting"], true);
    assert_eq!(status(dir)["operations"], 0);
    ask(dir, &["touch"]).unwrap();
    assert!(signing.wait().unwrap().success());
    let mut signing = tool(&sign).spawn().unwrap();
    ask(dir, &["touch-when-asked"]).unwrap();
    assert!(signing.wait().unwrap().success());
    let after = status(dir);
    assert_eq!(
        (&after["touches"], &after["operations"]),
        (&2.into(), &2.into())
    );

    ask(dir, &["deny"]).unwrap();
    assert!(!tool(&sign).status().unwrap().success());
    ask(dir, &["auto"]).unwrap();
    assert!(tool(&sign).status().unwrap().success());
    let after = status(dir);
    assert_eq!(
        (&after["touches"], &after["untouched"]),
        (&3.into(), &1.into())
    );

    ask(dir, &["unplug"]).unwrap();
    assert!(!tool(&["-a", "status"]).status().unwrap().success());
    ask(dir, &["replug"]).unwrap();
    assert!(tool(&["-a", "status"]).status().unwrap().success());
    assert!(
        ask(dir, &["touch", "--serial", "4"])
            .unwrap_err()
            .contains("no key 4")
    );
}

#[test]
fn two_keys_stand_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--serial", "1", "--also-serial", "2"];
    let output = run(
        dir.path(),
        &options,
        &["pkcs11-tool", "--module", ykcs11().as_str(), "-L"],
    );
    let printed = text(&output.stdout);
    assert!(
        printed.contains("YubiKey PIV #1\n") && printed.contains("YubiKey PIV #2\n"),
        "{printed}"
    );
}

fn ykcs11() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let found = folders
        .map(|folder| folder.unwrap().path().join("libykcs11.so.2"))
        .find(|path| path.exists());
    found.unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_root_is_made_once_and_printed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new");
    let pem = ask(&dir, &["root"]).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(ask(&dir, &["root"]).unwrap(), pem);
    assert_eq!(std::fs::read_to_string(dir.join("root.pem")).unwrap(), pem);
}

#[test]
fn help_teaches() {
    let output = program().arg("--help").output().unwrap();
    let help = text(&output.stdout);
    for needed in [
        "123456",
        "touch",
        "Examples:",
        "virtual-yubikey root",
        "run",
    ] {
        assert!(help.contains(needed), "{needed}:\n{help}");
    }
}
