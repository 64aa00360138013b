//! The examples, run as their users run them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// `cargo test` builds the examples beside the tests.
fn example(name: &str) -> Command {
    let tests = env::current_exe().expect("this program");
    let profile = tests
        .parent()
        .and_then(Path::parent)
        .expect("the folder of the profile");
    let program = profile.join("examples").join(name);
    assert!(program.is_file(), "{} is not built", program.display());
    Command::new(program)
}

fn corpus() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
    let folder = env::var_os("PIV_ATTEST_CORPUS").map_or_else(|| beside.into(), PathBuf::from);
    assert!(
        folder.join("MANIFEST.tsv").is_file(),
        "no corpus at {}: name its folder in PIV_ATTEST_CORPUS",
        folder.display()
    );
    folder
}

/// The lines of the manifest, as their columns.
fn manifest() -> Vec<Vec<String>> {
    let text = fs::read_to_string(corpus().join("MANIFEST.tsv")).expect("the manifest");
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn run(arguments: &[&str], files: &[&Path]) -> (Option<i32>, Value) {
    let Output { status, stdout, .. } = example("verify_attestation")
        .arg("--json")
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&stdout).expect("JSON whatever happens");
    let keys = [
        "verified",
        "root",
        "slot",
        "firmware",
        "serial",
        "pin_policy",
        "touch_policy",
        "form_factor",
        "fips",
        "cspn",
        "key_algorithm",
        "spki_sha256",
        "error",
    ];
    let object = report.as_object().expect("an object");
    assert_eq!(object.len(), keys.len());
    assert!(keys.iter().all(|key| object.contains_key(*key)), "{report}");
    assert_eq!(report["verified"].as_bool(), Some(status.code() == Some(0)));
    assert_eq!(report["error"].is_null(), status.code() == Some(0));
    (status.code(), report)
}

#[test]
fn every_leaf_of_the_corpus_has_the_facts_of_the_manifest_by_both_backends() {
    let (folder, manifest) = (corpus(), manifest());
    let mut leaves = 0;
    for leaf in manifest
        .iter()
        .filter(|columns| columns[0].starts_with("leaves/"))
    {
        let (root, via) = leaf[17]
            .strip_prefix("OK -> ")
            .unwrap()
            .split_once(" via ")
            .unwrap();
        let start = via.split(" > ").next().unwrap();
        let device = manifest
            .iter()
            .find(|columns| columns[16].starts_with(start))
            .unwrap();
        let files = [&*folder.join(&leaf[0]), &*folder.join(&device[0])];
        for backend in ["rustcrypto", "aws-lc-rs"] {
            let (code, report) = run(&["--backend", backend], &files);
            assert_eq!(code, Some(0), "{}: {report}", leaf[0]);
            let text = |key: &str| match &report[key] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            assert_eq!(text("root"), root);
            assert_eq!(text("slot"), leaf[0].split('-').nth(2).unwrap());
            assert_eq!(text("key_algorithm"), leaf[8]);
            assert_eq!(text("firmware"), leaf[9]);
            assert_eq!(text("serial"), leaf[10]);
            assert_eq!(text("pin_policy"), leaf[11]);
            assert_eq!(text("touch_policy"), leaf[12]);
            assert_eq!(text("form_factor"), leaf[13]);
            assert_eq!(report["fips"], device[14].contains("FIPS"));
            assert_eq!(report["cspn"], device[14].contains("CSPN"));
            assert_eq!(text("spki_sha256").len(), 64);
        }
        leaves += 1;
    }
    assert!(leaves >= 20);
}

#[test]
fn every_negative_of_the_corpus_is_refused_by_both_backends() {
    let (folder, manifest) = (corpus(), manifest());
    let certificates = |of: &str| {
        let files = manifest.iter().filter(|columns| columns[0].starts_with(of));
        files
            .map(|columns| folder.join(&columns[0]))
            .collect::<Vec<_>>()
    };
    let intermediates = certificates("intermediates/");
    let intermediates: Vec<&Path> = intermediates.iter().map(PathBuf::as_path).collect();
    for of in ["negatives/", "intermediates/", "roots/"] {
        for file in certificates(of) {
            for backend in ["rustcrypto", "aws-lc-rs"] {
                let alone = run(&["--backend", backend], &[&file]);
                let among = [&[&*file][..], &intermediates].concat();
                let among = run(&["--backend", backend], &among);
                assert_eq!((alone.0, among.0), (Some(1), Some(1)), "{}", file.display());
                assert!(alone.1["serial"].is_null() && among.1["serial"].is_null());
            }
        }
    }
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/piv-attest/samples")
        .join(name)
}

#[test]
fn a_bundle_verifies_and_policy_may_still_refuse_it() {
    let bundle = sample("yubikey-5.7.4-slot-82.pem");
    assert_eq!(run(&[], &[&bundle]).0, Some(0));
    for policy in ["default", "strict"] {
        let (code, report) = run(&["--policy", policy], &[&bundle]);
        assert_eq!(code, Some(1));
        assert_eq!(
            report["error"],
            "refused by policy: PIN policy `never` is not allowed"
        );
        assert_eq!(report["firmware"], "5.7.4", "what was verified is told");
    }
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    fs::write(&policy, r#"{"pin_policies":["never"],"slots":["82"]}"#).unwrap();
    assert_eq!(
        run(&["--policy", policy.to_str().unwrap()], &[&bundle]).0,
        Some(0)
    );
    fs::write(&policy, r#"{"pins":["never"]}"#).unwrap();
    assert_eq!(
        run(&["--policy", policy.to_str().unwrap()], &[&bundle]).0,
        Some(2)
    );
}

#[test]
fn what_cannot_be_read_is_told_apart_from_what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    fs::write(path("text"), "hello").unwrap();
    fs::write(path("long"), vec![b'-'; 300_000]).unwrap();
    let pem = fs::read_to_string(sample("yubikey-5.7.4-slot-82.pem")).unwrap();
    fs::write(path("cut"), &pem[..700]).unwrap();
    for name in ["absent", "empty", "text", "long", "cut"] {
        assert_eq!(run(&[], &[&path(name)]).0, Some(2), "{name}");
    }
    assert_eq!(run(&[], &[]).0, Some(2));
    assert_eq!(run(&["--colour"], &[]).0, Some(2));
    assert_eq!(run(&["--policy"], &[]).0, Some(2));
    // A certificate that is malformed, in PEM that is not: refused.
    fs::write(
        path("malformed"),
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    assert_eq!(run(&[], &[&path("malformed")]).0, Some(1));
    // The leaf without its device.
    let end = pem.find("-----END").unwrap() + "-----END CERTIFICATE-----\n".len();
    fs::write(path("leaf"), &pem[..end]).unwrap();
    let (code, report) = run(&[], &[&path("leaf")]);
    assert_eq!(code, Some(1));
    assert!(
        report["error"]
            .as_str()
            .unwrap()
            .contains("`YubiKey PIV Attestation` is not in the chain")
    );
    // The same as DER, with the device's beside it.
    let der = piv_attest::certificates_from_pem(pem.as_bytes()).unwrap();
    fs::write(path("leaf.der"), &der[0]).unwrap();
    fs::write(path("f9.der"), &der[1]).unwrap();
    assert_eq!(run(&[], &[&path("leaf.der"), &path("f9.der")]).0, Some(0));
}

#[test]
fn people_get_lines_and_programs_get_json() {
    let output = example("verify_attestation")
        .arg(sample("yubikey-5.2.4-slot-93.pem"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("firmware: 5.2.4\n") && text.contains("verified: true\n"),
        "{text}"
    );
}

/// Ends the program that it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_web_handler_lets_accepted_keys_past_and_says_why_not() {
    let mut program = Running(
        example("attested_web_handler")
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .split("http://")
        .nth(1)
        .unwrap()
        .strip_suffix("/keys")
        .unwrap();
    let post = |body: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "POST /keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    };
    let (status, answer) = post(&fs::read(sample("yubikey-5.7.4-slot-82.pem")).unwrap());
    assert!(
        status == 403 && answer.contains("PIN policy `never` is not allowed"),
        "{answer}"
    );
    let (status, answer) = post(b"hello");
    assert!(
        status == 400 && answer.contains("no certificate"),
        "{answer}"
    );
    let corpus = corpus();
    let read = |file: &str| fs::read(corpus.join(file)).unwrap();
    let leaf = read("leaves/leaf-fw5.7.1-9c-p-384-pin_always-touch_always-sn30041834-de815dc8.pem");
    let device = read("intermediates/f9-fw5.7.1-62e4c27c.pem");
    let (status, answer) = post(&[&leaf[..], b"\n", &device].concat());
    assert!(status == 201 && answer.contains("30041834"), "{answer}");
}
