//! The settings as a whole: what a new CA has, where it listens, its policy and its roots.

use acme_ca::config::{Config, ProfileKind, Seconds, template};

use crate::device::{Device, Facts, TestKey};
use crate::{good, parse};

#[test]
fn the_settings_of_a_new_ca_are_the_defaults() {
    let config = parse(&good()).unwrap();
    assert_eq!(config.listen, "[::]:8443");
    assert!(!config.policy.one_key_for_both && config.yubico_roots);
    assert_eq!(config.policy.attestation, piv_attest::Policy::default());
    let names: Vec<&str> = config.profiles.keys().map(String::as_str).collect();
    assert_eq!(names, ["ssh", "tls", "tls-disk"]);
    for profile in config.profiles.values() {
        assert_eq!(profile.max_validity, Seconds(16 * 3600));
        assert_eq!(profile.default_validity, Seconds(16 * 3600));
    }
    assert!(matches!(
        config.profiles["ssh"].kind,
        ProfileKind::SshUser(_)
    ));
}

#[test]
fn where_to_listen_follows_from_the_url() {
    for (url, listen) in [
        ("https://127.0.0.1:8443", "127.0.0.1:8443"),
        ("https://localhost:8443", "127.0.0.1:8443"),
        ("https://[::1]:8443", "[::1]:8443"),
        ("https://ca.example", "[::]:443"),
    ] {
        let config = parse(&template(&url.parse().unwrap(), None)).unwrap();
        assert_eq!(config.listen, listen);
    }
    let given = template(&"https://ca.example".parse().unwrap(), Some("10.0.0.1:9"));
    assert_eq!(parse(&given).unwrap().listen, "10.0.0.1:9");
}

#[test]
fn the_policy_starts_from_a_preset_and_any_field_can_be_set() {
    let strict = good().replace(
        "preset = \"default\"",
        "preset = \"strict\"\nrequire_serial = true",
    );
    let policy = parse(&strict).unwrap().policy.attestation;
    let mut expected = piv_attest::Policy::strict();
    expected.require_serial = true;
    assert_eq!(policy, expected);
    let pin = good().replace("preset = \"default\"", "pin_policies = [\"always\"]");
    let policy = parse(&pin).unwrap().policy.attestation;
    assert_eq!(policy.pin_policies.len(), 1);
}

#[test]
fn the_guide_names_every_setting_of_the_policy() {
    let guide = include_str!("../../../../docs/operate.md");
    let policy = serde_json::to_value(piv_attest::Policy::default()).unwrap();
    for setting in policy.as_object().unwrap().keys() {
        assert!(guide.contains(&format!("`{setting}`")), "{setting}");
    }
}

#[test]
fn a_root_that_cannot_be_read_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    let leaf = Device::new()
        .attest(&TestKey::p256(), &Facts::default())
        .remove(0);
    std::fs::write(dir.path().join("leaf.der"), leaf).unwrap();
    for (file, says) in [
        ("missing.pem", "cannot read"),
        ("empty.pem", "no certificate"),
        ("leaf.der", "cannot be a root"),
    ] {
        let text = format!("{}\n[[attestation_root]]\nfile = \"{file}\"\n", good());
        let error = Config::parse(&text, &dir.path().join("ca.toml")).unwrap_err();
        let lines = text.matches('\n').count();
        assert!(
            error.to_string().contains(&format!("ca.toml:{lines}:8: ")),
            "{error}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
}
