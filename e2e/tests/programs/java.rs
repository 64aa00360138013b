//! Java, by SunPKCS11 and our module.

use std::path::{Path, PathBuf};

use e2e::site::{DISK_NAME, HARDWARE_NAME};

use crate::{Day, module};

/// What SunPKCS11 has to be told.
fn config(day: &Day) -> PathBuf {
    let config = day.site.dir().join("dlogin.cfg");
    let lines = format!("name = dlogin\nlibrary = {}\n", module().display());
    std::fs::write(&config, lines).unwrap();
    config
}

#[test]
fn java_sees_certificate_and_key_as_one_entry_without_a_touch() {
    let day = Day::begin(47_000_008);
    let mut keytool = day.program("keytool");
    keytool
        .args(["-list", "-v", "-keystore", "NONE", "-storetype", "PKCS11"])
        .args(["-storepass", "", "-providerclass"])
        .args(["sun.security.pkcs11.SunPKCS11", "-providerarg"])
        .arg(config(&day));
    let mut listed = String::new();
    let touches = day.touches(|| listed = day.printed(&mut keytool));
    assert_eq!(touches, 0);
    for expected in ["Entry type: PrivateKeyEntry", HARDWARE_NAME, DISK_NAME] {
        assert!(listed.contains(expected), "{expected}\n{listed}");
    }
}

#[test]
fn a_java_program_enters_with_the_key_in_the_yubikey_and_with_the_one_on_disk() {
    let day = Day::begin(47_000_011);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/Enter.java");
    for (profile, name, expected) in [("tls", HARDWARE_NAME, 1), ("tls-disk", DISK_NAME, 0)] {
        let mut java = day.program("java");
        java.arg(&program).arg(config(&day));
        java.arg(day.server.certificate()).arg(profile);
        java.arg(day.server.url("/whoami"));
        let touches = day.touches(|| assert!(day.printed(&mut java).contains(name)));
        assert_eq!(touches, expected, "{profile}");
    }
}
