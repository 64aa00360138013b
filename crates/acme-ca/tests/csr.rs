//! What a CSR may say, and that every other one is refused before anything is recorded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/device.rs"]
mod device;
#[path = "support/orders.rs"]
mod orders;
#[path = "support/site.rs"]
mod site;

use acme_ca::issuance::{CsrError, IssueError, MAX_CSR};
use acme_ca::records::KeyUse;
use device::{TestKey, csr, csr_signed_by, csr_with, extension, tlv};
use orders::{facts, run, tls_order};
use site::Site;

/// What alice's key is granted.
const GRANTS: &[&str] = &["tls=alice.example,laptop.alice.example", "ssh=alice,deploy"];

#[tokio::test]
async fn a_csr_may_name_nothing_the_identifier_or_the_records_names() {
    let (site, key) = Site::with_key(GRANTS).await;
    for good in [
        Vec::new(),
        csr(&key, None, &[]),
        csr(&key, Some(""), &[]),
        csr(&key, Some("9681620"), &[]),
        csr(&key, Some("alice.example"), &["laptop.alice.example"]),
        csr(&key, None, &["ALICE.example", "laptop.alice.example"]),
        // Usages are the profile's, whatever was asked for.
        csr_with(
            &key,
            &key,
            None,
            &[extension("2.5.29.15", true, &[3, 2, 7, 0x80])],
        ),
        // id-on-permanentIdentifier, as device attestation clients have it.
        csr_with(&key, &key, None, &[permanent_identifier("9681620")]),
    ] {
        let issued = tls_order(&site, &key, Some(good.clone())).await;
        assert!(issued.is_ok(), "{good:02x?}: {issued:?}");
    }
}

fn permanent_identifier(serial: &str) -> Vec<u8> {
    let oid = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 3];
    let value = tlv(0xa0, &tlv(0x30, &tlv(0x0c, serial.as_bytes())));
    let name = tlv(0xa0, &[&oid[..], &value].concat());
    extension("2.5.29.17", false, &tlv(0x30, &name))
}

#[tokio::test]
async fn every_bad_csr_is_refused_before_anything_is_recorded() {
    let (site, key) = Site::with_key(GRANTS).await;
    let other = TestKey::p256();
    let refused = async |csr: Vec<u8>| match tls_order(&site, &key, Some(csr)).await {
        Err(IssueError::Csr(error)) => error,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refused(csr(&other, None, &[])).await, CsrError::OtherKey);
    assert_eq!(
        refused(csr(&TestKey::rsa(), None, &[])).await,
        CsrError::OtherKey
    );
    assert_eq!(
        refused(csr_signed_by(&key, &other, None, &[])).await,
        CsrError::Signature
    );
    for foreign in [
        csr(&key, Some("root.example"), &[]),
        csr(&key, None, &["alice.example", "root.example"]),
        csr(&key, None, &["*.alice.example"]),
        csr_with(&key, &key, None, &[permanent_identifier("9681621")]),
        // An IP address.
        csr_with(
            &key,
            &key,
            None,
            &[extension(
                "2.5.29.17",
                false,
                &[0x30, 6, 0x87, 4, 127, 0, 0, 1],
            )],
        ),
    ] {
        let error = refused(foreign).await;
        assert!(matches!(error, CsrError::ForeignName { .. }), "{error}");
    }
    let unknown = extension("1.2.3.4", false, &[5, 0]);
    let error = refused(csr_with(&key, &key, None, &[unknown])).await;
    assert!(matches!(error, CsrError::Extension { .. }), "{error}");
    let too_long = vec![0x30; MAX_CSR + 1];
    assert_eq!(
        refused(too_long).await,
        CsrError::TooLong { found: MAX_CSR + 1 }
    );
    let good = csr(&key, None, &["alice.example"]);
    let trailing = [&good[..], &[0]].concat();
    let cut = good[..good.len() - 1].to_vec();
    let mut indefinite = good.clone();
    indefinite[1] = 0x80;
    let broken_name = csr_with(
        &key,
        &key,
        None,
        &[extension("2.5.29.17", false, &[0x30, 2, 0x82, 9])],
    );
    for malformed in [
        trailing,
        cut,
        indefinite,
        broken_name,
        vec![0],
        vec![0x30; 100],
    ] {
        assert_eq!(refused(malformed).await, CsrError::Malformed);
    }
    assert_eq!(site.certificates().await, 0);
}

#[tokio::test]
async fn a_csr_with_any_byte_changed_is_refused() {
    let (site, key) = Site::with_key(GRANTS).await;
    let good = csr(&key, Some("alice.example"), &["alice.example"]);
    for position in 0..good.len() {
        let mut changed = good.clone();
        changed[position] ^= 1 << (position % 8);
        let answer = tls_order(&site, &key, Some(changed)).await;
        assert!(
            matches!(answer, Err(IssueError::Csr(_))),
            "byte {position}: {answer:?}"
        );
    }
    assert_eq!(site.certificates().await, 0);
}

/// Keys that are too weak to be read as keys at all, and RSA-1024, which is read.
#[tokio::test]
async fn a_csr_with_a_weak_key_is_refused() {
    let (site, key) = Site::with_key(GRANTS).await;
    let dir = site.dir.path();
    for arguments in [
        &["-newkey", "rsa:1024"][..],
        &["-newkey", "rsa:768"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp224r1"],
    ] {
        let csr = dir.join("weak.csr");
        let made = run(
            "openssl",
            &[
                &["req", "-new", "-nodes", "-subj", "/", "-outform", "DER"],
                arguments,
                &[
                    "-keyout",
                    dir.join("weak.key").to_str().unwrap(),
                    "-out",
                    csr.to_str().unwrap(),
                ],
            ]
            .concat(),
        );
        assert!(made.status.success());
        let error = tls_order(&site, &key, Some(std::fs::read(&csr).unwrap()))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                IssueError::Csr(CsrError::WeakKey { .. } | CsrError::Key(_))
            ),
            "{arguments:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_disk_key_needs_a_csr_by_that_key() {
    let site = Site::new().await;
    site.add_user("alice").await;
    let proof = TestKey::p256();
    site.enrol(
        "alice",
        &proof,
        KeyUse::Proof,
        &["tls-disk=alice-disk.example"],
    )
    .await;
    let disk = TestKey::p256();
    let issue = async |csr: Option<Vec<u8>>| {
        let entitled = orders::disk_entitlement(&site, &proof, &disk).await;
        site.ca.issuer().issue(entitled, facts(csr)).await
    };
    for absent in [None, Some(Vec::new())] {
        assert!(matches!(
            issue(absent).await,
            Err(IssueError::Csr(CsrError::Missing))
        ));
    }
    assert!(matches!(
        issue(Some(csr(&proof, None, &[]))).await,
        Err(IssueError::Csr(CsrError::OtherKey))
    ));
    let issued = issue(Some(csr(&disk, None, &[]))).await.unwrap();
    let row = site.row(&issued.id).await;
    assert_eq!(row.names, ["alice-disk.example"]);
    // The certificate is for the key on disk.
    let spki = disk.spki;
    assert!(row.tbs.windows(spki.len()).any(|window| window == spki));
}
