//! Faults of the laptop: the CA, the clock, files, what was not set up yet.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use e2e::agent::Agent;
use e2e::programs;
use e2e::site::Site;
use virtual_yubikey::TouchMode;

use crate::{examine, examine_with};

#[test]
fn what_works_has_no_fault_and_costs_neither_pin_nor_touch() {
    let site = Site::enrolled(36_000_001).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let _agent = Agent::start(site.laptop(), &[]).unwrap();
    let (touches, pins) = (site.touches(), site.laptop().pin_prompts().len());
    site.rig().touch().set_mode(TouchMode::Deny);
    let said = examine(site.laptop());
    said.without_fault();
    assert!(said.with("ok").len() > 8, "{:#?}", said.checks);
    assert_eq!(site.touches(), touches);
    assert_eq!(site.laptop().pin_prompts().len(), pins);
}

#[test]
fn no_yubikey_no_ca_and_a_stopped_agent_are_named() {
    let mut site = Site::enrolled(36_000_002).unwrap();
    site.laptop().succeed(&[]).unwrap();
    examine(site.laptop()).names("warning", "agent", "agent", "");
    site.ca_mut().stop().unwrap();
    let said = examine(site.laptop());
    said.names("fault", "ca", "", "");
    assert_ne!(said.code, 0);
    site.rig().control().unwrap().unplug().unwrap();
    examine(site.laptop()).names("fault", "yubikey", "", "");
}

#[test]
fn a_pcscd_that_is_not_there_is_named() {
    let site = Site::enrolled(36_000_003).unwrap();
    let mut command = site.laptop().dlogin(&["doctor", "--json"]);
    command.env("PCSCLITE_CSOCK_NAME", site.dir().join("nobody.sock"));
    examine_with(command).names("fault", "pcscd", "", "");
}

#[test]
fn a_configuration_that_makes_no_sense_and_open_files_are_named() {
    let site = Site::enrolled(36_000_004).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let key = site.laptop().certificate("tls-disk.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    examine(site.laptop()).names("fault", "files", "tls-disk.key", "");
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    fs::write(&config, "version = \"two\"\n").unwrap();
    examine(site.laptop()).names("fault", "config", "line", "");
}

#[test]
fn without_trust_and_without_keys_it_says_what_comes_next() {
    let site = Site::start(36_000_005, TouchMode::Auto).unwrap();
    let said = examine(site.laptop());
    said.names("fault", "ca", "no CA", "");
    said.names("fault", "factory", "PIN", "");
    said.names("fault", "login-key", "", "");
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let site = Site::enrolled(36_000_006).unwrap();
    let command = site.laptop().dlogin(&["doctor", "--json"]);
    let said = examine_with(programs::with_clock(command, "-2h").unwrap());
    said.names("fault", "clock", "", "");
}
