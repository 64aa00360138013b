use std::os::unix::fs::PermissionsExt;

use time::Duration;

use super::*;
use crate::Paths;
use crate::certificate::x509::tests::{Pki, Usage};

struct Home {
    _dir: tempfile::TempDir,
    paths: Paths,
    chain: String,
}

fn home() -> Home {
    let dir = tempfile::tempdir().unwrap();
    let paths =
        Paths::from_lookup(|name| (name == "HOME").then(|| dir.path().as_os_str().to_owned()))
            .unwrap();
    let chain = Pki::new().client("alice.example", Usage::Client).chain;
    Home {
        _dir: dir,
        paths,
        chain,
    }
}

fn profile(name: &str) -> ProfileName {
    ProfileName::new(name).unwrap()
}

fn named(name: &str) -> CertificateName {
    CertificateName {
        site: None,
        profile: profile(name),
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[test]
fn what_is_stored_is_listed_with_its_files() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    let new = New::Tls { chain: &home.chain };
    folder.store(&profile("disk"), &new, Some("KEY")).unwrap();
    folder.store(&profile("card"), &new, None).unwrap();
    let list = folder.list().unwrap();
    let shown: Vec<_> = list
        .iter()
        .map(|held| (held.profile.as_str(), held.key, held.files.len()))
        .collect();
    assert_eq!(
        shown,
        [("card", KeyPlace::Yubikey, 1), ("disk", KeyPlace::Disk, 2)]
    );
    assert_eq!(list[0].names, ["alice.example"]);
    for file in list.iter().flat_map(|held| &held.files) {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_new_certificate_without_disk_key_takes_the_old_key_away() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    let new = New::Tls { chain: &home.chain };
    folder.store(&profile("tls"), &new, Some("KEY")).unwrap();
    folder.store(&profile("tls"), &new, None).unwrap();
    assert_eq!(folder.names().unwrap(), ["tls.pem"]);
}

#[test]
fn what_has_expired_is_swept_and_what_is_valid_stays() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    let new = New::Tls { chain: &home.chain };
    folder.store(&profile("tls"), &new, Some("KEY")).unwrap();
    assert!(folder.sweep(now()).unwrap().is_empty());
    assert_eq!(folder.names().unwrap().len(), 2);
    let later = now() + Duration::days(2);
    assert_eq!(folder.sweep(later).unwrap(), [named("tls")]);
    assert!(folder.names().unwrap().is_empty());
}

#[test]
fn what_an_interrupted_run_left_is_swept() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    for name in [
        ".tls.key.4711.tmp",
        "lonely.key",
        "lonely.pub",
        "broken.pem",
    ] {
        fs::write(folder.path.join(name), "x").unwrap();
    }
    fs::write(folder.path.join("notes.txt"), "mine").unwrap();
    folder.sweep(now()).unwrap();
    assert_eq!(folder.names().unwrap(), ["notes.txt"]);
}

#[test]
fn logout_removes_everything_of_ours_and_nothing_else() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    let new = New::Tls { chain: &home.chain };
    folder.store(&profile("tls"), &new, Some("KEY")).unwrap();
    fs::write(folder.path.join("notes.txt"), "mine").unwrap();
    assert_eq!(folder.clear().unwrap(), [named("tls")]);
    assert_eq!(folder.names().unwrap(), ["notes.txt"]);
}

#[test]
fn a_full_disk_leaves_the_old_certificate_and_nothing_half_written() {
    let home = home();
    let folder = Folder::lock(&home.paths).unwrap();
    let new = New::Tls { chain: &home.chain };
    folder.store(&profile("tls"), &new, Some("OLD")).unwrap();
    // A folder in the place of a temporary file makes its writing fail.
    let blocked = folder
        .path
        .join(format!(".tls.pem.{}{TEMPORARY}", std::process::id()));
    fs::create_dir(&blocked).unwrap();
    assert!(folder.store(&profile("tls"), &new, Some("NEW")).is_err());
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path.join("tls.key")).unwrap(),
        "OLD"
    );
    let mut names = folder.names().unwrap();
    names.sort();
    assert_eq!(names, ["tls.key", "tls.pem"]);
}
