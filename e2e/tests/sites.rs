//! Several CAs of one site, and several sites: one that is down locks nobody out,
//! and what one gives stands beside what another gave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::fs;

use e2e::agent::Agent;
use e2e::ca::Ca;
use e2e::site::{HARDWARE_NAME, Site, USER};
use e2e::{process, programs};
use serde_json::Value;

/// `dlogin ARGS --json` with its exit code and what it said.
fn report(site: &Site, args: &[&str]) -> (Value, Option<i32>, String) {
    let output = site.laptop().run(&[args, &["--json"]].concat()).unwrap();
    let stderr = process::text(&output.stderr);
    let report =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{args:?}: {stderr}"));
    (report, output.status.code(), stderr)
}

fn issued(report: &Value) -> BTreeSet<&str> {
    let certificates = report["certificates"].as_array().unwrap();
    certificates
        .iter()
        .map(|each| each["profile"].as_str().unwrap())
        .collect()
}

const ALL: [&str; 3] = ["ssh", "tls", "tls-disk"];

#[test]
fn a_ca_that_is_down_is_passed_over_before_anybody_types_a_pin() {
    let mut site = Site::enrolled(43_000_001).unwrap();
    let other = site.another_ca("other", &[]).unwrap();
    let (first, second) = (site.ca().url(), other.url());
    let listed = site.laptop().succeed(&["trust", "--list"]).unwrap();
    assert!(listed.find(&first).unwrap() < listed.find(&second).unwrap());

    site.ca_mut().stop().unwrap();
    let (touches, prompts) = (site.touches(), site.laptop().pin_prompts().len());
    let (report_, code, stderr) = report(&site, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(report_["ca"], second.as_str());
    assert_eq!(report_["passed_over"][0]["ca"], first.as_str());
    assert_eq!(issued(&report_), BTreeSet::from(ALL));
    assert_eq!(site.touches() - touches, 2, "one for each key, as ever");
    assert_eq!(site.laptop().pin_prompts().len() - prompts, 1);
    let told: Vec<_> = stderr.lines().filter(|l| l.contains("instead")).collect();
    assert_eq!(told.len(), 1, "{stderr}");
    assert!(told[0].contains(&first) && told[0].contains(&second));

    // It is asked first again as soon as it answers.
    site.ca_mut().serve().unwrap();
    let (report_, code, stderr) = report(&site, &["--renew"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(report_["ca"], first.as_str());
    assert!(report_["passed_over"].is_null(), "{report_}");

    // Where none answers, the last one's error is told.
    site.ca_mut().stop().unwrap();
    drop(other);
    let output = site.laptop().run(&["--renew"]).unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(process::text(&output.stderr).contains("not reachable"));
}

#[test]
fn a_refusal_is_an_answer_and_no_other_ca_is_asked() {
    let site = Site::enrolled(43_000_002).unwrap();
    let other = site.another_ca("other", &[]).unwrap();
    site.ca().succeed(&["user", "disable", USER]).unwrap();
    let (report_, code, stderr) = report(&site, &["tls"]);
    assert_eq!(code, Some(3), "{stderr}");
    assert_eq!(report_["ca"], site.ca().url().as_str());
    assert_eq!(report_["refused"][0]["profile"], "tls");
    assert!(!stderr.contains(&other.url()), "{stderr}");
}

#[test]
fn a_ca_that_is_not_itself_is_passed_over_and_told() {
    let mut site = Site::enrolled(43_000_003).unwrap();
    let other = site.another_ca("other", &[]).unwrap();
    site.ca_mut().stop().unwrap();
    // Something else answers in its place, under another root.
    let mut stranger = Ca::init_at(&site.dir().join("stranger"), site.ca().address()).unwrap();
    stranger.serve().unwrap();
    let (report_, code, stderr) = report(&site, &["tls"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(report_["ca"], other.url().as_str());
    assert!(
        stderr.contains("does not come from the pinned root"),
        "{stderr}"
    );
    drop(stranger);
}

#[test]
fn sites_stand_beside_one_another() {
    let mut site = Site::enrolled(43_000_004).unwrap();
    let work = site.another_ca("work", &["--site", "work"]).unwrap();
    let touches = site.touches();
    let prompts = site.laptop().pin_prompts().len();
    let (both, code, stderr) = report(&site, &["--all-sites"]);
    assert_eq!(code, Some(0), "{stderr}");
    let sites = both["sites"].as_array().unwrap();
    let asked: Vec<_> = sites.iter().map(|each| each["ca"].clone()).collect();
    assert_eq!(asked, [site.ca().url(), work.url()]);
    assert!(sites.iter().all(|each| issued(each) == BTreeSet::from(ALL)));
    // Two keys, two CAs; and one PIN.
    assert_eq!(site.touches() - touches, 4);
    assert_eq!(site.laptop().pin_prompts().len() - prompts, 1);
    assert!(
        stderr.find("touch of its own") < stderr.find("Touch"),
        "{stderr}"
    );

    for name in [
        "tls.pem",
        "work/tls.pem",
        "work/tls-disk.key",
        "work/ssh-cert.pub",
    ] {
        assert!(site.laptop().certificate(name).is_file(), "{name}");
    }
    assert_ne!(
        fs::read(site.laptop().certificate("tls.pem")).unwrap(),
        fs::read(site.laptop().certificate("work/tls.pem")).unwrap()
    );
    let status = site.laptop().succeed(&["status"]).unwrap();
    for word in ["work/ssh", "work/tls-disk", "(site work)", &work.url()] {
        assert!(status.contains(word), "{word}: {status}");
    }

    // Nothing more is needed, at neither; and neither is asked.
    site.ca_mut().stop().unwrap();
    drop(work);
    let touches = site.touches();
    let output = site.laptop().run(&["--all-sites"]).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("nothing to do: work/ssh until"), "{stderr}");
    assert_eq!(site.touches(), touches);

    // The agent offers both.
    let agent = Agent::start(site.laptop(), &[]).unwrap();
    let mut list = site.laptop().command(&programs::system("ssh-add").unwrap());
    list.arg("-l").env("SSH_AUTH_SOCK", agent.ssh_socket());
    let listed = process::succeed(&mut list).unwrap();
    assert!(listed.contains("dlogin work/ssh"), "{listed}");
    drop(agent);

    // And so does the PKCS#11 token.
    let mut list = site
        .laptop()
        .command(&programs::system("pkcs11-tool").unwrap());
    list.arg("--module").arg(programs::module().unwrap()).args([
        "--list-objects",
        "--type",
        "cert",
    ]);
    let listed = process::succeed(&mut list).unwrap();
    for label in ["tls", "work/tls", "work/tls-disk"] {
        let label = format!("label:      {label}\n");
        assert!(listed.contains(&label), "{label}: {listed}");
    }

    let gone = site
        .laptop()
        .succeed(&["logout", "--site", "work"])
        .unwrap();
    assert!(gone.contains("removed: work/tls-disk"), "{gone}");
    assert!(!site.laptop().certificate("work/tls-disk.key").exists());
    assert!(site.laptop().certificate("tls.pem").is_file());
    let gone = site.laptop().succeed(&["logout"]).unwrap();
    assert!(gone.contains("removed: tls\n"), "{gone}");
}

#[test]
fn one_site_that_fails_costs_the_others_nothing() {
    let mut site = Site::enrolled(43_000_005).unwrap();
    let work = site.another_ca("work", &["--site", "work"]).unwrap();
    site.ca_mut().stop().unwrap();
    let (both, code, stderr) = report(&site, &["--all-sites"]);
    assert_eq!(code, Some(5), "{stderr}");
    assert_eq!(both["sites"][0]["exit"], 5);
    assert_eq!(both["sites"][1]["ca"], work.url().as_str());
    assert_eq!(issued(&both["sites"][1]), BTreeSet::from(ALL));
}

#[test]
fn what_expired_at_another_site_goes_too() {
    let site = Site::enrolled(43_000_006).unwrap();
    let work = site.another_ca("work", &["--site", "work"]).unwrap();
    site.laptop()
        .succeed(&["tls-disk", "--site", "work", "--valid", "1h"])
        .unwrap();
    let key = site.laptop().certificate("work/tls-disk.key");
    assert!(key.is_file());
    let trust = ["trust", "https://localhost:1", "--fingerprint", "x"];
    let mut later = programs::with_clock(site.laptop().dlogin(&trust), "+2h").unwrap();
    let output = process::run(&mut later).unwrap();
    let stderr = process::text(&output.stderr);
    assert!(stderr.contains("work/tls-disk: had expired"), "{stderr}");
    assert!(!key.exists());
    drop(work);
}

#[test]
fn a_ca_is_trusted_no_more_and_what_it_gave_stays_until_logout() {
    let site = Site::enrolled(43_000_007).unwrap();
    site.laptop().succeed(&["tls"]).unwrap();
    let url = site.ca().url();
    let other = site
        .laptop()
        .run(&["trust", "--remove", &url, "--site", "x"]);
    assert_eq!(other.unwrap().status.code(), Some(4));
    let removed = site.laptop().succeed(&["trust", "--remove", &url]).unwrap();
    assert!(removed.contains(&url), "{removed}");
    assert_eq!(site.laptop().run(&[]).unwrap().status.code(), Some(4));
    assert!(site.laptop().certificate("tls.pem").is_file());
    let status = site.laptop().succeed(&["status"]).unwrap();
    assert!(status.contains(HARDWARE_NAME), "{status}");
}

#[test]
fn without_names_what_is_needed_is_done_and_no_more() {
    let mut site = Site::enrolled(43_000_008).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let touches = site.touches();
    // What is missing, and that alone: the proof key is not asked.
    fs::remove_file(site.laptop().certificate("tls.pem")).unwrap();
    let (report_, code, stderr) = report(&site, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(issued(&report_), BTreeSet::from(["tls"]));
    assert_eq!(report_["current"].as_array().unwrap().len(), 2);
    assert_eq!(site.touches() - touches, 1);

    // A name, a lifetime and --renew are asked for in so many words.
    let (named, ..) = report(&site, &["ssh"]);
    assert_eq!(issued(&named), BTreeSet::from(["ssh"]));
    let (short, ..) = report(&site, &["--valid", "10m"]);
    assert_eq!(issued(&short), BTreeSet::from(ALL));
    let (again, ..) = report(&site, &["--renew"]);
    assert_eq!(issued(&again), BTreeSet::from(ALL));

    // Nothing is needed: nobody is asked.
    site.ca_mut().stop().unwrap();
    let touches = site.touches();
    let output = site.laptop().run(&[]).unwrap();
    let stderr = process::text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("nothing to do: ssh until"), "{stderr}");
    assert_eq!(site.touches(), touches);
    site.ca_mut().serve().unwrap();

    // Nine of sixteen hours later, it is.
    let mut later = programs::with_clock(site.laptop().dlogin(&["--json"]), "+9h").unwrap();
    let output = process::run(&mut later).unwrap();
    let stderr = process::text(&output.stderr);
    // It asks the CA, whose clock is another.
    assert!(stderr.contains("clock"), "{stderr}");
}
