//! The example client against a real mTLS server, its key in the (virtual)
//! YubiKey, touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::process::{Command, Output};

use e2e::agent::Agent;
use e2e::mtls::MtlsServer;
use e2e::process;
use e2e::site::{DISK_NAME, HARDWARE_NAME, PIN, Site};

struct Day {
    server: MtlsServer,
    site: Site,
}

impl Day {
    fn begin(serial: u32) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let server = site.mtls().unwrap();
        Self { server, site }
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let tests = std::env::current_exe().unwrap();
        let profile = tests.parent().and_then(Path::parent).unwrap();
        let program = profile.join("examples/mtls_client");
        let mut client = self.site.laptop().command(&program);
        client
            .args(arguments)
            .arg("--cafile")
            .arg(self.site.dir().join("mtls/server.pem"))
            .arg(self.server.url());
        client
    }
}

fn said(output: &Output) -> String {
    process::text(&output.stdout) + &process::text(&output.stderr)
}

#[test]
fn it_enters_through_the_agent_without_a_pin_of_its_own() {
    let day = Day::begin(45_000_001);
    let output = process::run(&mut day.client(&["--profile", "tls-disk"])).unwrap();
    assert!(said(&output).contains(DISK_NAME), "{}", said(&output));
    let output = process::run(&mut day.client(&[])).unwrap();
    assert!(!output.status.success());
    assert!(
        said(&output).contains("start `dlogin agent`"),
        "{}",
        said(&output)
    );

    let agent = Agent::start(day.site.laptop(), &[]).unwrap();
    let before = day.site.touches();
    let output = process::run(&mut day.client(&[])).unwrap();
    assert!(said(&output).contains(HARDWARE_NAME), "{}", said(&output));
    assert_eq!(day.site.touches() - before, 1);
    let log = agent.log();
    assert!(
        log.contains("TLS to localhost, says the program (asked by mtls_client)"),
        "{log}"
    );
    assert!(
        !log.contains("cannot be seen"),
        "it is shown what it signs: {log}"
    );

    day.site.laptop().succeed(&["logout"]).unwrap();
    let output = process::run(&mut day.client(&[])).unwrap();
    assert!(said(&output).contains("run `dlogin`"), "{}", said(&output));
}

#[test]
fn it_enters_straight_from_the_card() {
    let day = Day::begin(45_000_002);
    let before = day.site.touches();
    let certificate = day.site.laptop().certificate("tls.pem");
    let mut client = day.client(&["--card", certificate.to_str().unwrap()]);
    let output = process::run_with_input(&mut client, &format!("{PIN}\n")).unwrap();
    assert!(said(&output).contains(HARDWARE_NAME), "{}", said(&output));
    assert!(said(&output).contains("Touch the YubiKey now"));
    assert_eq!(day.site.touches() - before, 1);
}
