use std::fs;

use super::*;
use crate::Change;

fn sites(texts: &[&str]) -> Vec<Site> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn install(&self, module: &str, texts: &[&str]) -> Vec<Change> {
        let sites = sites(texts);
        install(&Wanted {
            root: self.0.path(),
            module: Path::new(module),
            sites: &sites,
            subject: None,
        })
        .unwrap()
        .into_iter()
        .map(|changed| changed.change)
        .collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

const POLICIES: &str = "etc/firefox/policies/policies.json";
const CHROMIUM: &str = "etc/chromium/policies/managed/dlogin.json";

#[test]
fn policies_are_written_once_and_sites_add_up() {
    let machine = Machine::new();
    assert_eq!(machine.install("/m.so", &["https://a"]), [Change::Added; 3]);
    assert_eq!(
        machine.install("/m.so", &["https://a"]),
        [Change::Unchanged; 3]
    );
    machine.install("/m.so", &["https://b"]);
    let found = status(machine.0.path()).unwrap();
    let patterns: Vec<_> = found.sites.iter().map(|site| &site.pattern).collect();
    assert_eq!(patterns, ["https://a", "https://b"]);
    assert_eq!(found.firefox_module.as_deref(), Some(Path::new("/m.so")));
    let text = fs::read_to_string(machine.file(CHROMIUM)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Each entry is a JSON text in a string.
    let first = value["AutoSelectCertificateForUrls"][0].as_str().unwrap();
    let entry: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(entry["pattern"], "https://a");
    assert!(entry["filter"].is_object());
}

#[test]
fn removing_leaves_nothing_where_nothing_was() {
    let machine = Machine::new();
    machine.install("/m.so", &["https://a"]);
    let gone = remove(machine.0.path()).unwrap();
    assert_eq!(gone.len(), 3);
    for name in [POLICIES, CHROMIUM, "etc/firefox", "etc/chromium/policies"] {
        assert!(!machine.file(name).exists(), "{name}");
    }
    assert_eq!(remove(machine.0.path()).unwrap(), []);
}

#[test]
fn the_policies_of_others_come_back_to_the_byte() {
    for theirs in [
        "{\n   \"policies\": {\"DisableTelemetry\":true}\n}",
        "{\"policies\": {\"SecurityDevices\": {\"Other\": \"/o.so\"}}}\n",
        "{\"policies\": {\"SecurityDevices\": {\"Add\": {\"Other\": \"/o.so\"}, \"Delete\": []}}}",
    ] {
        let machine = Machine::new();
        let path = machine.file(POLICIES);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, theirs).unwrap();
        machine.install("/m.so", &[]);
        let during = fs::read_to_string(&path).unwrap();
        assert!(during.contains("/m.so"), "{during}");
        machine.install("/n.so", &[]);
        remove(machine.0.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        assert!(!backup_of(&path).exists());
    }
}

fn backup_of(path: &Path) -> PathBuf {
    path.with_file_name("policies.json.before-dlogin")
}

#[test]
fn what_others_changed_meanwhile_stays() {
    let machine = Machine::new();
    let path = machine.file(POLICIES);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\"policies\":{\"A\":1}}").unwrap();
    machine.install("/m.so", &[]);
    let with = fs::read_to_string(&path).unwrap();
    fs::write(&path, with.replace("\"A\": 1", "\"A\": 2")).unwrap();
    remove(machine.0.path()).unwrap();
    let value: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(value, serde_json::json!({"policies": {"A": 2}}));
}

#[test]
fn a_file_that_cannot_be_understood_is_not_touched() {
    let machine = Machine::new();
    let path = machine.file(POLICIES);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for theirs in ["{ not json", "[]", "{\"policies\": 1}"] {
        fs::write(&path, theirs).unwrap();
        let result = install(&Wanted {
            root: machine.0.path(),
            module: Path::new("/m.so"),
            sites: &[],
            subject: None,
        });
        assert!(matches!(result, Err(Error::Foreign { .. })), "{theirs}");
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
    }
}

#[test]
fn the_policies_that_a_package_brings_are_not_hidden() {
    let machine = Machine::new();
    let packaged = machine.file("usr/lib/firefox-esr/distribution/policies.json");
    fs::create_dir_all(packaged.parent().unwrap()).unwrap();
    fs::write(&packaged, "{}").unwrap();
    let result = install(&Wanted {
        root: machine.0.path(),
        module: Path::new("/m.so"),
        sites: &[],
        subject: None,
    });
    assert!(matches!(result, Err(Error::Foreign { path, .. }) if path == packaged));
    assert!(!machine.file(POLICIES).exists());
}

#[test]
fn another_file_with_the_same_policy_is_named() {
    let machine = Machine::new();
    let rival = machine.file("etc/chromium/policies/managed/site.json");
    fs::create_dir_all(rival.parent().unwrap()).unwrap();
    fs::write(&rival, "{\"AutoSelectCertificateForUrls\": []}").unwrap();
    assert_eq!(status(machine.0.path()).unwrap().rivals, [rival]);
}

#[test]
fn a_site_may_get_one_certificate_alone() {
    let machine = Machine::new();
    machine.install("/m.so", &["https://a", "https://b"]);
    let sites = sites(&["https://a"]);
    let changed = install(&Wanted {
        root: machine.0.path(),
        module: Path::new("/m.so"),
        sites: &sites,
        subject: Some("alice.laptop"),
    })
    .unwrap();
    assert_eq!(changed[1].change, Change::Updated);
    let found = status(machine.0.path()).unwrap().sites;
    assert_eq!(found[0].subject.as_deref(), Some("alice.laptop"));
    assert_eq!(found[1].subject, None);
    let text = fs::read_to_string(machine.file(CHROMIUM)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entry = value["AutoSelectCertificateForUrls"][0].as_str().unwrap();
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    assert_eq!(
        entry["filter"],
        serde_json::json!({"SUBJECT": {"CN": "alice.laptop"}})
    );
}
