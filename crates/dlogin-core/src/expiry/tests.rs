use piv_token::TouchNeed;
use time::Duration;

use super::*;
use crate::ProfileName;
use crate::certificate::x509::tests::{Pki, Usage};
use crate::held::New;
use crate::login::AboutToSign;

/// Notes what it is warned of.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

impl Show for Notes {
    fn doing(&mut self, _: &str) {}
    fn warning(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }
    fn about_to_sign(&mut self, _: &AboutToSign) {}
    fn touch_needed(&mut self, _: TouchNeed) {}
    fn touch_over(&mut self, _: bool) {}
    fn done(&mut self) {}
}

/// A home with a certificate and its disk key.
struct Home {
    _dir: tempfile::TempDir,
    paths: Paths,
    end: OffsetDateTime,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().as_os_str().to_owned();
        let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
        let leaf = Pki::new().client("a.example", Usage::Client);
        let profile = ProfileName::new("tls-disk").unwrap();
        let new = New::Tls { chain: &leaf.chain };
        let folder = Folder::lock(&paths).unwrap();
        folder.store(&profile, &new, Some("KEY")).unwrap();
        let end = folder.get(&profile).unwrap().not_after;
        Self {
            _dir: dir,
            paths,
            end,
        }
    }

    fn has_key(&self) -> bool {
        self.paths.certificate_dir().join("tls-disk.key").exists()
    }

    /// Whether the key is there after a run at this time of ours.
    fn keeps(
        &self,
        clock: Option<&CaClock>,
        error: Option<&CaError>,
        local: OffsetDateTime,
    ) -> bool {
        let mut show = Notes::default();
        let sweep = sweep_after(&self.paths, clock, error, local, &mut show);
        block_on(sweep).unwrap();
        self.has_key()
    }
}

pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(task)
}

fn not_trusted() -> CaError {
    CaError::NotTrusted {
        url: String::new(),
        reason: String::new(),
    }
}

#[test]
fn an_expired_disk_key_goes_whatever_is_wrong_with_the_ca() {
    let errors = [
        not_trusted(),
        CaError::WrongName { url: String::new() },
        CaError::Silent {
            url: String::new(),
            seconds: 1,
        },
        CaError::Malformed {
            what: String::new(),
        },
    ];
    for error in errors {
        let home = Home::new();
        let later = home.end + Duration::minutes(6);
        assert!(!home.keeps(None, Some(&error), later), "{error}");
    }
}

#[test]
fn by_our_own_clock_five_minutes_are_left() {
    let home = Home::new();
    let error = not_trusted();
    assert!(home.keeps(None, Some(&error), home.end + Duration::minutes(4)));
    assert!(!home.keeps(None, Some(&error), home.end + Duration::minutes(6)));
}

#[test]
fn the_cas_clock_counts_where_the_two_agree() {
    let home = Home::new();
    // By ours, with its margin, it would stay in both.
    let seen = |off| CaClock::seen_at(home.end, home.end + Duration::minutes(off));
    assert!(home.keeps(Some(&seen(-1)), None, home.end));
    assert!(!home.keeps(Some(&seen(1)), None, home.end));
}

#[test]
fn a_ca_whose_clock_is_far_from_ours_costs_nothing() {
    let home = Home::new();
    let now = OffsetDateTime::now_utc();
    let ca = CaClock::new(home.end + Duration::days(400));
    assert!(home.keeps(Some(&ca), None, now));
}

#[test]
fn a_clock_in_doubt_costs_nothing() {
    let home = Home::new();
    let later = home.end + Duration::days(400);
    let doubt = CaError::TlsExpired {
        url: String::new(),
        until: home.end,
        local: later,
    };
    assert!(home.keeps(None, Some(&doubt), later));
}

#[test]
fn where_there_is_no_folder_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().as_os_str().to_owned();
    let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
    let mut show = Notes::default();
    assert!(block_on(sweep(&paths, &mut show)).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn whoever_waits_for_the_folder_is_told_once_and_can_be_interrupted() {
    let home = Home::new();
    let held = Folder::lock(&home.paths).unwrap();
    let mut show = Notes::default();
    let short = std::time::Duration::from_millis(200);
    let waited =
        block_on(async { tokio::time::timeout(short, sweep(&home.paths, &mut show)).await });
    assert!(waited.is_err(), "it went on, or blocked its thread");
    assert_eq!(show.0.len(), 1, "{:?}", show.0);
    assert!(show.0[0].contains("another dlogin"), "{:?}", show.0);
    drop(held);
    let later = home.end + Duration::hours(1);
    let gone = block_on(by_local_clock(&home.paths, later, &mut show)).unwrap();
    assert_eq!(gone.len(), 1);
}
