//! Keys that no CA should take, made by other programs, on a YubiKey as it leaves the factory.

use std::process::Command;

use e2e::site::Site;
use e2e::{process, programs};
use virtual_yubikey::{Firmware, Launcher, Settings};

use crate::examine;

/// yubico-piv-tool knows the factory's management key, and no AES.
fn factory(serial: u32) -> Site {
    let key = Settings::new(Firmware::V5_4_3).serial(serial);
    Site::start_with(Launcher::new().key(key)).unwrap()
}

fn piv_tool(site: &Site, args: &[&str]) {
    let tool = programs::system("yubico-piv-tool").unwrap();
    let mut tool = site.laptop().command(&tool);
    process::succeed(tool.args(args)).unwrap();
}

#[test]
fn what_the_factory_set_is_named() {
    let site = factory(36_000_010);
    let said = examine(site.laptop());
    said.names("fault", "factory", "the PIN is", "dlogin setup");
    said.names("warning", "factory", "the PUK is", "dlogin setup");
    said.names("warning", "factory", "the management key is", "--protect");
    site.laptop().succeed(&["setup"]).unwrap();
    let said = examine(site.laptop());
    assert!(
        !said.checks.iter().any(|check| check["id"] == "factory"),
        "{:#?}",
        said.checks
    );
}

#[test]
fn a_key_that_was_imported_is_named() {
    let site = factory(36_000_011);
    let pem = site.dir().join("key.pem");
    let mut openssl = Command::new(programs::system("openssl").unwrap());
    openssl
        .args([
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
        ])
        .arg(&pem);
    process::succeed(&mut openssl).unwrap();
    let pem = pem.to_str().unwrap();
    for (slot, id) in [("9a", "login-key"), ("82", "proof-key")] {
        let import = ["-a", "import-key", "-s", slot, "-i", pem];
        piv_tool(&site, &[&import[..], &["--touch-policy=always"]].concat());
        examine(site.laptop()).names("fault", id, "was imported", "--overwrite");
    }
}

#[test]
fn a_key_that_wants_no_pin_or_too_few_touches_is_named() {
    let site = factory(36_000_012);
    for (slot, id) in [("9a", "login-key"), ("82", "proof-key")] {
        let generate = ["-a", "generate", "-s", slot];
        let policies = ["--pin-policy=never", "--touch-policy=cached"];
        piv_tool(&site, &[&generate[..], &policies].concat());
        let said = examine(site.laptop());
        said.names("fault", id, "wants no PIN", "--overwrite");
        said.names("warning", id, "for 15 s after a touch", "--overwrite");
    }
}

#[test]
fn a_slot_that_no_yubikey_has_is_named() {
    let site = Site::enrolled(36_000_013).unwrap();
    let config = site.laptop().home().join(".config/dlogin/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("login = \"9a\"", "login = \"77\"")).unwrap();
    let said = examine(site.laptop());
    said.names("fault", "login-key", "\"77\"", "config.toml");
    assert_eq!(said.code, 2);
}
