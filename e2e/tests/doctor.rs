//! `dlogin doctor` names each fault that is made here, and costs neither a PIN try nor a touch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use e2e::agent::Agent;
use e2e::site::Site;
use e2e::{process, programs};
use serde_json::Value;
use virtual_yubikey::TouchMode;

/// What the doctor said, and how it ended.
struct Said {
    checks: Vec<Value>,
    code: Option<i32>,
}

fn doctor_as(mut command: Command) -> Said {
    let output = process::run(&mut command).unwrap();
    let printed = process::text(&output.stdout);
    let report: Value = serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("{error}: {printed}{}", process::text(&output.stderr)));
    Said {
        checks: report["checks"].as_array().unwrap().clone(),
        code: output.status.code(),
    }
}

fn doctor(site: &Site) -> Said {
    doctor_as(site.laptop().dlogin(&["doctor", "--json"]))
}

impl Said {
    fn with(&self, level: &str) -> Vec<&Value> {
        let found = self.checks.iter();
        found.filter(|check| check["level"] == level).collect()
    }

    /// A check of this id and level says `text`, and what to do.
    #[track_caller]
    fn names(&self, level: &str, id: &str, text: &str) -> &Self {
        let found = self.with(level).into_iter().any(|check| {
            check["id"] == id
                && check["what"].as_str().unwrap().contains(text)
                && check["todo"].as_str().is_some_and(|todo| !todo.is_empty())
        });
        assert!(
            found,
            "no {level} of {id} with {text:?}: {:#?}",
            self.checks
        );
        self
    }

    #[track_caller]
    fn without_fault(&self) -> &Self {
        assert!(self.with("fault").is_empty(), "{:#?}", self.checks);
        assert_eq!(self.code, Some(0));
        self
    }
}

#[test]
fn what_works_has_no_fault_and_costs_neither_pin_nor_touch() {
    let site = Site::enrolled(36_000_001).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let _agent = Agent::start(site.laptop(), &[]).unwrap();
    let (touches, pins) = (site.touches(), site.laptop().pin_prompts().len());
    site.rig().touch().set_mode(TouchMode::Deny);
    let said = doctor(&site);
    said.without_fault();
    assert!(said.with("ok").len() > 8, "{:#?}", said.checks);
    assert_eq!(site.touches(), touches);
    assert_eq!(site.laptop().pin_prompts().len(), pins);
}

#[test]
fn no_yubikey_no_ca_and_a_stopped_agent_are_named() {
    let mut site = Site::enrolled(36_000_002).unwrap();
    site.laptop().succeed(&[]).unwrap();
    doctor(&site).names("warning", "agent", "agent");
    site.ca_mut().stop().unwrap();
    let said = doctor(&site);
    said.names("fault", "ca", "");
    assert_ne!(said.code, Some(0));
    site.rig().control().unwrap().unplug().unwrap();
    doctor(&site).names("fault", "yubikey", "");
}

#[test]
fn a_pcscd_that_is_not_there_is_named() {
    let site = Site::enrolled(36_000_003).unwrap();
    let mut command = site.laptop().dlogin(&["doctor", "--json"]);
    command.env("PCSCLITE_CSOCK_NAME", site.dir().join("nobody.sock"));
    doctor_as(command).names("fault", "pcscd", "");
}

#[test]
fn a_configuration_that_makes_no_sense_and_open_files_are_named() {
    let site = Site::enrolled(36_000_004).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let key = site.laptop().certificate("tls-disk.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    doctor(&site).names("fault", "files", "tls-disk.key");
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    fs::write(&config, "version = \"two\"\n").unwrap();
    doctor(&site).names("fault", "config", "line");
}

#[test]
fn without_trust_and_without_keys_it_says_what_comes_next() {
    let site = Site::start(36_000_005, TouchMode::Auto).unwrap();
    let said = doctor(&site);
    said.names("fault", "ca", "no CA");
    said.names("fault", "factory", "PIN");
    said.names("fault", "login-key", "");
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let site = Site::enrolled(36_000_006).unwrap();
    let command = site.laptop().dlogin(&["doctor", "--json"]);
    let said = doctor_as(programs::with_clock(command, "-2h").unwrap());
    said.names("fault", "clock", "");
}

#[test]
fn a_blocked_pin_is_named() {
    let site = Site::enrolled(36_000_007).unwrap();
    let tool = programs::system("yubico-piv-tool").unwrap();
    for _ in 0..3 {
        let mut wrong = site.laptop().command(&tool);
        wrong.args(["-a", "verify-pin", "-P", "999999"]);
        process::run(&mut wrong).unwrap();
    }
    doctor(&site).names("fault", "pin", "blocked");
}
