//! Runs of `dlogin` that go well: what is ordered, what is remembered, what is
//! taken away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::fs;

use e2e::process;
use e2e::site::{DISK_NAME, HARDWARE_NAME, Site, USER};
use serde_json::Value;
use virtual_yubikey::{Firmware, Launcher, Settings, TouchMode};

/// `dlogin ARGS --json` with its exit code.
fn report(site: &Site, args: &[&str]) -> (Value, Option<i32>) {
    let output = site.laptop().run(&[args, &["--json"]].concat()).unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {}", process::text(&output.stderr)));
    (report, output.status.code())
}

fn profiles(report: &Value, list: &str) -> BTreeSet<String> {
    report[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            each.get("profile")
                .unwrap_or(each)
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Only the login key is there, and it is granted `tls` alone.
fn granted_tls_alone(serial: u32) -> Site {
    let site = Site::start(serial, TouchMode::Auto).unwrap();
    site.trust_ca().unwrap();
    site.add_user().unwrap();
    site.make_key("login").unwrap();
    let bundle = site.write_bundle("login").unwrap();
    site.enrol("login", &bundle, &["tls=alice.example".to_owned()])
        .unwrap();
    site
}

#[test]
fn the_first_run_finds_out_what_is_granted_and_later_runs_order_that() {
    let site = granted_tls_alone(33_000_001);
    let (first, code) = report(&site, &[]);
    assert_eq!(code, Some(0), "{first}");
    assert_eq!(profiles(&first, "certificates"), set(&["tls"]));
    assert_eq!(profiles(&first, "refused"), set(&["ssh"]));
    assert_eq!(profiles(&first, "skipped"), set(&["tls-disk"]));
    assert_eq!(first["discovery"], true);

    let (later, code) = report(&site, &["--renew"]);
    assert_eq!(code, Some(0), "{later}");
    assert_eq!(profiles(&later, "certificates"), set(&["tls"]));
    assert_eq!(profiles(&later, "refused"), set(&[]));
    assert_eq!(later["discovery"], false);
}

#[test]
fn profiles_for_other_clients_cost_a_login_nothing() {
    let mut site = Site::enrolled(33_000_014).unwrap();
    let nobody = "127.0.0.1:9".parse().unwrap();
    site.ca()
        .certify_servers(".example.org", nobody, 80, 443)
        .unwrap();
    site.ca()
        .configure(
            "\n[profiles.device]\nkind = \"x509\"\nchallenge = \"device-attest-01\"\nsan = \"dns\"\n",
        )
        .unwrap();
    site.ca_mut().stop().unwrap();
    site.ca_mut().serve().unwrap();
    let touches = site.touches();
    let (first, code) = report(&site, &[]);
    assert_eq!(code, Some(0), "{first}");
    let all = set(&["ssh", "tls", "tls-disk"]);
    assert_eq!(profiles(&first, "certificates"), all);
    assert_eq!(profiles(&first, "skipped"), set(&["device"]));
    assert_eq!(profiles(&first, "refused"), set(&["servers"]));
    assert_eq!(profiles(&first, "failed"), set(&[]));
    assert_eq!(site.touches() - touches, 2, "one for each key, as ever");
    // They are not asked for again.
    let (later, code) = report(&site, &["--renew"]);
    assert_eq!(code, Some(0), "{later}");
    assert_eq!(profiles(&later, "certificates"), all);
    assert_eq!(profiles(&later, "refused"), set(&[]));
    // Whoever names one is told why it is none for this program.
    let output = site.laptop().run(&["device"]).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("device-attest-01"), "{stderr}");
    assert!(!site.laptop().certificate("device.pem").exists());
}

#[test]
fn a_named_order_that_is_refused_ends_with_3_and_costs_the_others_nothing() {
    let site = granted_tls_alone(33_000_002);
    let touches = site.touches();
    let (report, code) = report(&site, &["tls", "ssh"]);
    assert_eq!(code, Some(3), "{report}");
    assert_eq!(profiles(&report, "certificates"), set(&["tls"]));
    assert_eq!(profiles(&report, "refused"), set(&["ssh"]));
    assert_eq!(report["refused"][0]["type"], "unauthorized");
    assert_eq!(site.touches() - touches, 1);
    assert!(site.laptop().certificate("tls.pem").is_file());
    assert!(!site.laptop().certificate("ssh-cert.pub").exists());
}

#[test]
fn a_profile_that_nobody_offers_is_not_found() {
    let site = granted_tls_alone(33_000_003);
    let output = site.laptop().run(&["tsl"]).unwrap();
    assert_eq!(output.status.code(), Some(4));
    let stderr = process::text(&output.stderr);
    assert!(stderr.contains("ssh, tls, tls-disk"), "{stderr}");
}

#[test]
fn a_key_without_a_record_gets_nothing_and_the_run_ends_with_3() {
    let site = Site::start(33_000_004, TouchMode::Auto).unwrap();
    site.trust_ca().unwrap();
    site.make_key("login").unwrap();
    let (report, code) = report(&site, &[]);
    assert_eq!(code, Some(3), "{report}");
    assert_eq!(profiles(&report, "certificates"), set(&[]));
    assert_eq!(profiles(&report, "refused"), set(&["ssh", "tls"]));
}

#[test]
fn a_shorter_life_is_asked_for_signed_for_and_given() {
    let site = Site::enrolled(33_000_005).unwrap();
    let output = site.laptop().run(&["--valid", "30m", "--json"]).unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ends: BTreeSet<_> = report["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["not_after"].as_str().unwrap())
        .collect();
    assert_eq!(ends.len(), 1, "{report}");
    let end = ends.first().unwrap();
    // The person saw it before the touch.
    let stderr = process::text(&output.stderr);
    let (shown, touch) = (stderr.find(&format!("until {end}")), stderr.find("Touch"));
    assert!(shown.unwrap() < touch.unwrap(), "{stderr}");
    assert!(stderr.contains("33000005"), "{stderr}");
    assert!(stderr.contains(&site.ca().url()), "{stderr}");
}

#[test]
fn a_life_that_is_too_long_is_refused_with_the_reason() {
    let site = Site::enrolled(33_000_006).unwrap();
    let touches = site.touches();
    let (report, code) = report(&site, &["tls", "--valid", "17h"]);
    assert_eq!(code, Some(3), "{report}");
    let detail = report["refused"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("16h"), "{detail}");
    assert_eq!(site.touches(), touches, "refused before any touch");
}

#[test]
fn the_key_on_disk_is_a_new_one_each_time() {
    let site = Site::enrolled(33_000_007).unwrap();
    let key = || fs::read(site.laptop().certificate("tls-disk.key")).unwrap();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    let first = key();
    site.laptop().succeed(&["tls-disk"]).unwrap();
    assert_ne!(key(), first);
}

#[test]
fn what_has_expired_is_taken_away_by_the_next_run() {
    let site = Site::enrolled(33_000_008).unwrap();
    site.laptop()
        .succeed(&["tls-disk", "--valid", "3s"])
        .unwrap();
    assert!(site.laptop().certificate("tls-disk.key").is_file());
    let expired = || {
        let status = site.laptop().succeed(&["status", "--json"]).unwrap();
        let status: Value = serde_json::from_str(&status).unwrap();
        status["certificates"][0]["expired"] == true
    };
    assert!(process::within(process::PATIENCE, expired));
    let (report, _) = report(&site, &["tls"]);
    assert_eq!(profiles(&report, "removed"), set(&["tls-disk"]));
    assert!(!site.laptop().certificate("tls-disk.key").exists());
    assert!(!site.laptop().certificate("tls-disk.pem").exists());
}

#[test]
fn logout_removes_certificates_and_keys_and_the_next_login_needs_no_more_than_a_touch() {
    let site = Site::enrolled(33_000_009).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let gone = site.laptop().succeed(&["logout", "--json"]).unwrap();
    let gone: Value = serde_json::from_str(&gone).unwrap();
    assert_eq!(profiles(&gone, "removed"), set(&["ssh", "tls", "tls-disk"]));
    let folder = site.laptop().certificate("x");
    assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 0);
    site.laptop().succeed(&[]).unwrap();
}

#[test]
fn one_run_makes_one_tls_connection() {
    let site = Site::enrolled(33_000_010).unwrap();
    for run in ["with a new account", "with the same account"] {
        let (report, _) = report(&site, &["--renew"]);
        assert_eq!(report["measured"]["tls_connections"], 1, "{run}");
    }
}

#[test]
fn an_account_that_the_ca_forgot_is_made_anew() {
    let site = Site::enrolled(33_000_011).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    let file = site
        .laptop()
        .home()
        .join(".local/state/dlogin/account.toml");
    let text = fs::read_to_string(&file).unwrap();
    let forgotten: String = text
        .lines()
        .map(|line| match line.strip_prefix("url = ") {
            Some(_) => format!("url = \"{}/acme/account/forgotten\"\n", site.ca().url()),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(&file, &forgotten).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    assert_ne!(fs::read_to_string(&file).unwrap(), forgotten);
}

#[test]
fn a_folder_without_runtime_dir_is_in_the_state_folder() {
    let site = Site::enrolled(33_000_012).unwrap();
    let mut command = site.laptop().dlogin(&["ssh", "--json"]);
    command.env_remove("XDG_RUNTIME_DIR");
    let report: Value = serde_json::from_str(&process::succeed(&mut command).unwrap()).unwrap();
    let file = report["certificates"][0]["files"][0].as_str().unwrap();
    assert!(
        file.ends_with(".local/state/dlogin/certificates/ssh-cert.pub"),
        "{file}"
    );
    assert_eq!(report["certificates"][0]["names"][0], USER);
}

#[test]
fn a_yubikey_without_serial_number_orders_by_name() {
    let key = Settings::new(Firmware::V5_7_4).no_serial();
    let site = Site::start_with(Launcher::new().key(key)).unwrap();
    site.trust_ca().unwrap();
    site.add_user().unwrap();
    for (key_use, grants) in site.keys() {
        site.make_key(key_use).unwrap();
        let bundle = site.write_bundle(key_use).unwrap();
        site.enrol(key_use, &bundle, &grants).unwrap();
    }
    // It has nothing else to order by, and says how to.
    let output = site.laptop().run(&[]).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("--name"), "{stderr}");

    let (hardware, code) = report(&site, &["tls", "--name", HARDWARE_NAME]);
    assert_eq!(code, Some(0), "{hardware}");
    assert_eq!(hardware["certificates"][0]["names"][0], HARDWARE_NAME);
    assert!(hardware["serial"].is_null(), "{hardware}");
    // What was granted is remembered by the name.
    let (again, code) = report(&site, &["--renew", "--name", HARDWARE_NAME]);
    assert_eq!(code, Some(0), "{again}");
    assert_eq!(profiles(&again, "certificates"), set(&["tls"]));
    // A principal is a name too.
    let (ssh, code) = report(&site, &["ssh", "--name", USER]);
    assert_eq!(code, Some(0), "{ssh}");
    assert_eq!(ssh["certificates"][0]["names"][0], USER);
    // The name is the record's, not the person's.
    let (foreign, code) = report(&site, &["tls", "--name", "bob.example.net"]);
    assert_eq!(code, Some(3), "{foreign}");

    // The setting does what the argument does.
    let file = site.laptop().home().join(".config/dlogin/config.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("[keys]", &format!("[keys]\nname = \"{DISK_NAME}\""));
    fs::write(&file, text).unwrap();
    let (disk, code) = report(&site, &["tls-disk"]);
    assert_eq!(code, Some(0), "{disk}");
    assert_eq!(disk["certificates"][0]["names"][0], DISK_NAME);
}

#[test]
fn a_bundle_says_what_is_signed_before_the_touch() {
    let site = Site::start(33_000_013, TouchMode::Auto).unwrap();
    site.trust_ca().unwrap();
    let said = |args: &[&str]| process::text(&site.laptop().run(args).unwrap().stderr);
    let args = ["bundle", "--user", USER];
    // Nothing is signed by a key that is not there.
    assert!(!said(&args).contains("about to sign"));
    site.make_key("login").unwrap();
    let stderr = said(&args);
    let line = stderr.lines().next().unwrap();
    let root = site.ca().succeed(&["root"]).unwrap();
    let fingerprint = root.lines().next().unwrap();
    for word in ["33000013", "slot 9a", USER, &site.ca().url(), fingerprint] {
        assert!(line.contains(word), "{word} is not in: {stderr}");
    }
    let at = |text: &str| stderr.find(text).unwrap();
    assert!(at("about to sign") < at("Touch"), "{stderr}");
}
