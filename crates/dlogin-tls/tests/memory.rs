//! A key on disk leaves nothing behind in memory. The one test of its process: others'
//! keys would be in the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use dlogin_tls::Identity;

/// What this line of shell prints, every bit of it turned round: so that looking for it
/// does not put it there.
fn turned(line: &str, file: &Path) -> Vec<u8> {
    let output = Command::new("sh")
        .args(["-c", &format!("{line} | od -An -v -tu1"), "sh"])
        .arg(file)
        .output()
        .unwrap();
    let numbers = String::from_utf8(output.stdout).unwrap();
    numbers
        .split_whitespace()
        .map(|number| !number.parse::<u8>().unwrap())
        .collect()
}

/// Whether it is anywhere in what this process can write to.
fn is_in_memory(turned: &[u8]) -> bool {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut buffer = vec![0; 1 << 16];
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    writable.into_iter().any(|line| {
        let range = line.split(' ').next().unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [mut at, end] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        while at < end {
            // What was given back to the system meanwhile is nowhere.
            let Ok(length @ 1..) = memory.read_at(&mut buffer, at) else {
                break;
            };
            let same = |found: &[u8]| found.iter().zip(turned).all(|(a, b)| *a == !*b);
            if buffer[..length.min((end - at) as usize)]
                .windows(turned.len())
                .any(same)
            {
                return true;
            }
            // They overlap: it may stand across two.
            at += (length - turned.len().min(length - 1)) as u64;
        }
        false
    })
}

#[test]
fn of_a_key_on_disk_no_copy_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=alice", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let certificate = turned("sed -n 3p \"$1\" | tr -d '\\n'", &chain);
    let text = turned("sed -n 3p \"$1\" | tr -d '\\n'", &key);
    let scalar = turned(
        "openssl pkey -in \"$1\" -outform DER | tail -c +37 | head -c 32",
        &key,
    );
    assert_eq!((certificate.len(), text.len(), scalar.len()), (64, 64, 32));

    let identity = Identity::new(folder.path().to_owned(), folder.path().join("none.sock"));
    let certified = identity.read().unwrap();
    assert!(!is_in_memory(&text), "its PEM");
    assert!(!is_in_memory(&scalar), "its number");
    drop(certified);

    // What is there is found.
    let there = fs::read(&chain).unwrap();
    assert!(is_in_memory(&certificate));
    drop(there);
}
