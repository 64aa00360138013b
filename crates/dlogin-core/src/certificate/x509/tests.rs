use std::process::Command;

use super::*;
use crate::disk_key::DiskKey;

/// A small CA, made by openssl: what judges our checks is not our own code.
pub(crate) struct Pki {
    dir: tempfile::TempDir,
}

/// What a leaf is for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Usage {
    Client,
    Server,
}

/// A leaf with its key and the chain that a CA would send.
pub(crate) struct Leaf {
    pub(crate) chain: String,
    spki: Vec<u8>,
}

fn openssl(dir: &std::path::Path, line: &str) {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl {line}: {output:?}");
}

impl Pki {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        openssl(
            dir.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
             -out root.pem -subj /CN=Root -days 30",
        );
        Self { dir }
    }

    fn root(&self) -> CertificateDer<'static> {
        let pem = std::fs::read(self.dir.path().join("root.pem")).unwrap();
        CertificateDer::from_pem_slice(&pem).unwrap()
    }

    /// A certificate for a day.
    pub(crate) fn client(&self, name: &str, usage: Usage) -> Leaf {
        let key = DiskKey::generate().unwrap();
        let path = self.dir.path();
        std::fs::write(path.join("leaf.csr"), key.request().unwrap()).unwrap();
        let usage = match usage {
            Usage::Client => "clientAuth",
            Usage::Server => "serverAuth",
        };
        let extensions = format!(
            "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage={usage}\nsubjectAltName=DNS:{name}\n"
        );
        std::fs::write(path.join("leaf.ext"), extensions).unwrap();
        openssl(
            path,
            "x509 -req -inform DER -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial \
             -extfile leaf.ext -days 1 -out leaf.pem",
        );
        Leaf {
            chain: std::fs::read_to_string(path.join("leaf.pem")).unwrap(),
            spki: key.spki_der().to_vec(),
        }
    }
}

fn check(root: &Pki, leaf: &Leaf, now: OffsetDateTime) -> Result<Facts, CertificateError> {
    verify(
        &leaf.chain,
        &Expected {
            root: &root.root(),
            spki: &leaf.spki,
            not_after: None,
            now,
        },
    )
    .and_then(|checked| read(&checked.chain))
}

fn now() -> OffsetDateTime {
    // The certificates of these tests begin this very second.
    OffsetDateTime::now_utc() + time::Duration::seconds(2)
}

#[test]
fn a_good_chain_is_accepted_with_its_facts() {
    let pki = Pki::new();
    let facts = check(&pki, &pki.client("a.example", Usage::Client), now()).unwrap();
    assert_eq!(facts.names, ["a.example"]);
    assert!(facts.from < facts.until);
}

#[test]
fn a_chain_from_another_root_is_refused() {
    let (pinned, other) = (Pki::new(), Pki::new());
    let leaf = other.client("a.example", Usage::Client);
    let error = check(&pinned, &leaf, now()).unwrap_err();
    assert!(matches!(error, CertificateError::Chain(_)), "{error}");
}

#[test]
fn a_certificate_for_servers_is_refused() {
    let pki = Pki::new();
    let leaf = pki.client("a.example", Usage::Server);
    let error = check(&pki, &leaf, now()).unwrap_err();
    assert!(matches!(error, CertificateError::Chain(_)), "{error}");
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let pki = Pki::new();
    let mut leaf = pki.client("a.example", Usage::Client);
    leaf.spki = DiskKey::generate().unwrap().spki_der().to_vec();
    let error = check(&pki, &leaf, now()).unwrap_err();
    assert!(matches!(error, CertificateError::OtherKey), "{error}");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_refused() {
    let pki = Pki::new();
    let leaf = pki.client("a.example", Usage::Client);
    for days in [-1, 2] {
        let error = check(&pki, &leaf, now() + time::Duration::days(days)).unwrap_err();
        assert!(
            matches!(error, CertificateError::NotValidNow { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_certificate_that_lives_longer_than_asked_is_refused() {
    let pki = Pki::new();
    let leaf = pki.client("a.example", Usage::Client);
    let root = pki.root();
    let expected = |hours| Expected {
        root: &root,
        spki: &leaf.spki,
        not_after: Some(now() + time::Duration::hours(hours)),
        now: now(),
    };
    assert!(verify(&leaf.chain, &expected(25)).is_ok());
    let error = verify(&leaf.chain, &expected(1)).unwrap_err();
    assert!(matches!(error, CertificateError::TooLong { .. }), "{error}");
}

#[test]
fn only_the_certificates_that_were_checked_are_kept() {
    let pki = Pki::new();
    let mut leaf = pki.client("a.example", Usage::Client);
    let honest = leaf.chain.clone();
    let key = std::fs::read_to_string(pki.dir.path().join("root.key")).unwrap();
    let other = honest.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    leaf.chain = format!("# words\n{key}{other}{honest}\x1b[2J{key}");
    let root = pki.root();
    let expected = Expected {
        root: &root,
        spki: &leaf.spki,
        not_after: None,
        now: now(),
    };
    assert_eq!(verify(&leaf.chain, &expected).unwrap().chain, honest);
}

#[test]
fn what_is_no_chain_is_refused() {
    let pki = Pki::new();
    let mut leaf = pki.client("a.example", Usage::Client);
    let one = leaf.chain.clone();
    let cases = [
        (String::new(), "empty"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "PEM",
        ),
        ("-----BEGIN CERTIFICATE-----\n".to_owned(), "PEM"),
        (one.repeat(9), "more than 8"),
    ];
    for (chain, word) in cases {
        leaf.chain = chain;
        let error = check(&pki, &leaf, now()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
