use std::collections::BTreeSet;
use std::ffi::OsString;

use super::*;
use crate::certificate::x509::tests::{Pki, Usage};
use crate::config::Ca;
use crate::expiry::tests::{Notes, block_on};
use crate::held::New;

fn profile(name: &str) -> ProfileName {
    ProfileName::new(name).unwrap()
}

/// A certificate with a life of eight hours, of which so many minutes are left.
fn held(left: i64) -> Certificate {
    let now = OffsetDateTime::now_utc();
    let end = now + time::Duration::minutes(left);
    Certificate {
        site: None,
        profile: profile("tls"),
        kind: crate::Kind::Tls,
        key: crate::KeyPlace::Yubikey,
        names: Vec::new(),
        serial: String::new(),
        not_before: end - time::Duration::hours(8),
        not_after: end,
        files: Vec::new(),
    }
}

#[test]
fn what_is_renewed_is_what_has_spent_half_of_its_life_or_is_about_to_end() {
    let now = OffsetDateTime::now_utc();
    for (left, half_spent, ending) in [
        (481, true, true),
        (479, false, false),
        (241, false, false),
        (239, true, false),
        (3, true, false),
        (1, true, true),
        (-1, true, true),
    ] {
        let held = held(left);
        assert!(!Renew::All.spares(&held, now), "{left}");
        assert_eq!(Renew::HalfSpent.spares(&held, now), !half_spent, "{left}");
        assert_eq!(Renew::Ending.spares(&held, now), !ending, "{left}");
    }
}

#[test]
fn nothing_is_to_do_while_all_that_was_granted_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let home: OsString = dir.path().into();
    let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
    let ca = Ca {
        site: None,
        url: "https://h".to_owned(),
        directory: "https://h/directory".to_owned(),
        root_sha256: "00".repeat(32),
        root_pem: String::new(),
    };
    let mut config = Config::default();
    config.cas.push(ca.clone());
    config.save(&paths).unwrap();
    let request = Request {
        renew: Renew::HalfSpent,
        ..Request::default()
    };
    let there = |request: &Request| -> Option<BTreeSet<String>> {
        let held = block_on(nothing_to_do(&paths, request, &mut Notes::default())).unwrap()?;
        Some(held.iter().map(|held| held.profile.to_string()).collect())
    };
    assert_eq!(there(&request), None, "nothing is known yet");

    let folder = Folder::lock(&paths).unwrap();
    let chain = Pki::new().client("a.example", Usage::Client).chain;
    let [one, two] = ["one", "two"].map(profile);
    let store = |profile| folder.store(profile, &New::Tls { chain: &chain }, None);
    store(&one).unwrap();
    let both = [one.clone(), two.clone()];
    Granted::learn(&folder, &paths, &ca, "7", &both, &[]).unwrap();
    store(&two).unwrap();
    drop(folder);
    let all = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
    assert_eq!(there(&request), Some(all));

    std::fs::remove_file(paths.certificate_dir().join("two.pem")).unwrap();
    assert_eq!(there(&request), None, "one is missing");
    let named = Request {
        profiles: vec![one],
        ..request.clone()
    };
    assert_eq!(there(&named).unwrap().len(), 1);
    for wanted in [
        Request {
            renew: Renew::All,
            ..named.clone()
        },
        Request { all: true, ..named },
    ] {
        assert_eq!(there(&wanted), None, "{wanted:?}");
    }
}

#[test]
fn a_login_that_does_not_end_is_told_of_and_not_waited_for_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("login.lock");
    let mut show = Notes::default();
    let turn = block_on(wait(&place, Duration::ZERO, &mut show)).unwrap();
    assert!(show.0.is_empty(), "{:?}", show.0);

    let short = Duration::from_millis(50);
    let waited = block_on(wait(&place, short, &mut show));
    assert!(matches!(waited, Err(Error::LoggingIn { .. })), "{waited:?}");
    assert_eq!(show.0.len(), 1, "{:?}", show.0);
    assert!(show.0[0].contains("another dlogin is logging in"));

    drop(turn);
    block_on(wait(&place, short, &mut show)).unwrap();
}
