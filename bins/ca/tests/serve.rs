//! `ca serve` as a process: TLS under its own root, a log that programs can read, an orderly end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../../crates/acme-ca/tests/support/device.rs"]
mod device;
#[path = "support/operator.rs"]
mod operator;

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use operator::Operator;

/// A server that does not outlive its test.
struct Served {
    child: Option<Child>,
    port: u16,
}

impl Served {
    fn start(operator: &Operator) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let url = format!("https://localhost:{port}");
        operator.succeed(&["init", "--url", &url]);
        let child = operator
            .command(&["serve"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let served = Self {
            child: Some(child),
            port,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        served
    }

    /// SIGTERM; gives what it logged.
    fn stop(mut self) -> String {
        let child = self.child.take().unwrap();
        let killed = Command::new("kill").arg(child.id().to_string()).status();
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        log
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn the_server_is_known_by_its_root_and_ends_in_order() {
    let operator = Operator::new();
    let served = Served::start(&operator);
    let root = operator.home().join("root.pem");
    std::fs::write(&root, operator.succeed(&["root"])).unwrap();
    let directory = Command::new("curl")
        .args(["--silent", "--fail", "--noproxy", "*", "--cacert"])
        .arg(&root)
        .arg(format!("https://localhost:{}/directory", served.port))
        .output()
        .unwrap();
    let directory: serde_json::Value = serde_json::from_slice(&directory.stdout).unwrap();
    let profiles = directory["meta"]["profiles"].as_object().unwrap();
    assert_eq!(
        profiles.keys().collect::<Vec<_>>(),
        ["ssh", "tls", "tls-disk"]
    );
    // Its certificate is on record, and can be shown by the beginning of its number.
    let certificates = operator.json(&["cert", "list", "--live"]);
    assert_eq!(certificates[0]["kind"], "server");
    let id = certificates[0]["id"].as_str().unwrap();
    let shown = operator.succeed(&["cert", "show", &id[..8]]);
    assert!(shown.contains("BEGIN CERTIFICATE"), "{shown}");
    operator.fail(4, &["cert", "show", "ffffffff"]);
    // The operator works beside it; a second server does not.
    operator.succeed(&["user", "add", "alice"]);
    let second = operator.command(&["serve"]).output().unwrap();
    assert!(!second.status.success());
    let log = served.stop();
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            event["level"].is_string() && event["timestamp"].is_string(),
            "{line}"
        );
    }
    assert!(
        log.contains("\"target\":\"audit\""),
        "decisions go to the log too:\n{log}"
    );
}

#[test]
fn a_server_that_was_killed_starts_again() {
    let operator = Operator::new();
    let mut served = Served::start(&operator);
    let mut child = served.child.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let child = operator
        .command(&["serve"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    served.child = Some(child);
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", served.port)).is_err() {
        assert!(Instant::now() < deadline, "the server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    served.stop();
}
