//! The collection of real certificates: `../shared/corpus` beside the project, or the folder that
//! `PIV_ATTEST_CORPUS` names.

use piv_attest::certificates_from_pem;
use std::{env, fs, path::PathBuf};

/// One line of the manifest.
#[derive(Clone, Debug)]
pub struct Entry {
    pub file: String,
    pub key_type: String,
    pub firmware: String,
    pub serial: String,
    pub pin: String,
    pub touch: String,
    pub form_factor: String,
    pub fips_cspn: String,
    pub sha256: String,
    pub chain: String,
}

pub fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let folder = env::var_os("PIV_ATTEST_CORPUS").map_or_else(|| beside.into(), PathBuf::from);
    assert!(
        folder.join("MANIFEST.tsv").is_file(),
        "no corpus at {}: name its folder in PIV_ATTEST_CORPUS",
        folder.display()
    );
    folder
}

pub fn read(file: &str) -> Vec<u8> {
    let path = folder().join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one certificate in a file.
pub fn certificate(file: &str) -> Vec<u8> {
    let mut certificates = certificates_from_pem(&read(file)).expect(file);
    assert_eq!(certificates.len(), 1, "{file}");
    certificates.remove(0)
}

/// The entries of one folder of the corpus.
pub fn entries(of: &str) -> Vec<Entry> {
    let manifest = String::from_utf8(read("MANIFEST.tsv")).expect("UTF-8");
    let entries: Vec<_> = manifest
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
            let column = |index: usize| columns[index].clone();
            Entry {
                file: column(0),
                key_type: column(8),
                firmware: column(9),
                serial: column(10),
                pin: column(11),
                touch: column(12),
                form_factor: column(13),
                fips_cspn: column(14),
                sha256: column(16),
                chain: column(17),
            }
        })
        .filter(|entry| entry.file.starts_with(of))
        .collect();
    assert!(!entries.is_empty(), "nothing under {of} in the manifest");
    entries
}

/// The entry whose SHA-256 starts like this.
pub fn by_fingerprint(start: &str) -> Entry {
    let mut found = entries("");
    found.retain(|entry| entry.sha256.starts_with(start));
    assert_eq!(found.len(), 1, "{start}");
    found.remove(0)
}

impl Entry {
    pub fn der(&self) -> Vec<u8> {
        certificate(&self.file)
    }

    /// The name of the root, and the device's certificate, that the manifest has for a leaf:
    /// `OK -> ROOT via F9 > …`.
    pub fn root_and_device(&self) -> (String, Self) {
        let chain = self.chain.strip_prefix("OK -> ").expect(&self.file);
        let (root, via) = chain.split_once(" via ").expect(&self.file);
        let device = via.split(" > ").next().expect(&self.file);
        (root.to_owned(), by_fingerprint(device))
    }
}
