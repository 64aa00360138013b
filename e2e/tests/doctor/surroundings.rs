//! Faults of what stands around a login: roots, hosts, ssh, browsers, other users.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use e2e::agent::Agent;
use e2e::browser::{Firefox, chromium_database};
use e2e::programs;
use e2e::site::Site;
use virtual_yubikey::TouchMode;

use crate::{examine, examine_with};

#[test]
fn a_root_that_ends_soon_and_one_that_has_ended_are_told_apart() {
    let site = Site::enrolled(36_000_020).unwrap();
    let later = |days: &str| {
        let doctor = site.laptop().dlogin(&["doctor", "--json"]);
        examine_with(programs::with_clock(doctor, days).unwrap())
    };
    // A root lives for twenty years.
    assert!(later("+7200d").find("warning", "trust", "").is_none());
    later("+7300d").names("warning", "trust", "the trusted root of", "next root");
    later("+7330d").names("fault", "trust", "expired on", "new root");
}

#[test]
fn a_ca_that_is_named_by_another_host_is_named() {
    let site = Site::start(36_000_021, TouchMode::Auto).unwrap();
    site.trust_ca().unwrap();
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("localhost", "127.0.0.1")).unwrap();
    let said = examine(site.laptop());
    said.names("fault", "trust", "not for the host", "check the URL");
}

#[test]
fn what_has_expired_and_what_was_never_fetched_are_told() {
    let site = Site::enrolled(36_000_022).unwrap();
    let said = examine(site.laptop());
    said.names(
        "warning",
        "certificates",
        "no certificate is held",
        "dlogin",
    );
    site.laptop().succeed(&["tls"]).unwrap();
    let doctor = site.laptop().dlogin(&["doctor", "--json"]);
    let said = examine_with(programs::with_clock(doctor, "+17h").unwrap());
    said.names("warning", "certificates", "tls expired at", "dlogin");
}

#[test]
fn ssh_that_half_knows_of_the_agent_is_told_from_one_that_does() {
    let site = Site::enrolled(36_000_023).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let _agent = Agent::start(site.laptop(), &[]).unwrap();
    let ssh = site.laptop().home().join(".ssh");
    site.laptop()
        .succeed(&["ssh-config", "--write", "*.example.net"])
        .unwrap();
    let said = examine(site.laptop());
    assert!(
        said.find("ok", "ssh-config", "").is_some(),
        "{:#?}",
        said.checks
    );
    fs::write(ssh.join("dlogin.conf"), "# emptied\n").unwrap();
    examine(site.laptop()).names("warning", "ssh-config", "says nothing", "--write");
}

#[test]
fn browsers_without_the_module_or_with_one_that_is_gone_are_named() {
    let site = Site::start(36_000_024, TouchMode::Auto).unwrap();
    let laptop = site.laptop();
    Firefox::create_profile(laptop, "work").unwrap();
    examine(laptop).names("warning", "browser", "not in Firefox", "browser install");
    // It was installed from a place that is no more.
    let module = site.dir().join("libdlogin_pkcs11.so");
    fs::copy(programs::module().unwrap(), &module).unwrap();
    laptop
        .succeed(&["browser", "install", "--module", module.to_str().unwrap()])
        .unwrap();
    assert!(chromium_database(laptop).is_dir());
    let said = examine(laptop);
    for name in ["Firefox", "Chromium"] {
        let installed = format!("the module is in {name}");
        assert!(said.find("ok", "browser", &installed).is_some());
    }
    fs::remove_file(&module).unwrap();
    let said = examine(laptop);
    for name in ["Firefox", "Chromium and Chrome"] {
        let gone = format!("{name} has a module that is gone");
        said.names("warning", "browser", &gone, "browser install");
    }
}

#[test]
fn folders_that_are_open_and_files_of_another_user_are_named() {
    let site = Site::enrolled(36_000_025).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let folder = site.laptop().certificate("");
    let set = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    set(0o755);
    examine(site.laptop()).names("warning", "files", "can be read by others", "chmod 700");
    set(0o777);
    examine(site.laptop()).names("fault", "files", "open to other users", "chmod 700");
    set(0o700);
    examine(site.laptop()).without_fault();
    if !rustix::process::getuid().is_root() {
        eprintln!("NOT TRIED: only root can give a file away; run the tests as root");
        return;
    }
    let key = site.laptop().certificate("tls-disk.key");
    chown(&key, Some(65534), None).unwrap();
    examine(site.laptop()).names("fault", "files", "belongs to another user", "chown");
}
