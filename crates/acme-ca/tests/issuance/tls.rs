//! Certificates for TLS, judged by OpenSSL.

use acme_ca::audit::Outcome;
use acme_ca::ca::now;
use acme_ca::config::BadValidity;
use acme_ca::issuance::{IssueError, PEM_CHAIN};
use acme_ca::records::KeyUse;
use acme_ca::store::{CertificateFilter, CertificateKind, CertificateStatus, Certificates};
use acme_wire::order::Identifier;

use crate::GRANTS;
use crate::device::TestKey;
use crate::orders::{self, entitlement, facts, run};
use crate::site::Site;

#[tokio::test]
async fn openssl_accepts_what_is_issued_as_a_client_and_only_as_that() {
    let (site, key) = Site::with_key(GRANTS).await;
    let entitled = entitlement(&site, &key, "tls", orders::serial()).await;
    let at = now();
    let issued = site.ca.issuer().issue(entitled, facts(None)).await.unwrap();
    assert_eq!(issued.media_type, PEM_CHAIN);
    let pem = String::from_utf8(issued.body).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2);
    let dir = site.dir.path();
    std::fs::write(dir.join("chain.pem"), &pem).unwrap();
    let root = site.ca.layout().certificate("root");
    let verify = |purpose: &str| {
        run(
            "openssl",
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-CAfile",
                root.to_str().unwrap(),
                "-untrusted",
                dir.join("chain.pem").to_str().unwrap(),
                dir.join("chain.pem").to_str().unwrap(),
            ],
        )
    };
    assert!(verify("sslclient").status.success());
    assert!(!verify("sslserver").status.success());
    let chain = dir.join("chain.pem");
    let text = run(
        "openssl",
        &["x509", "-noout", "-text", "-in", chain.to_str().unwrap()],
    );
    let text = String::from_utf8(text.stdout).unwrap();
    for expected in [
        "Subject: CN = alice.example\n",
        "DNS:alice.example, DNS:laptop.alice.example\n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "Issuer: CN = ca.example Client CA\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    for unexpected in ["CA:TRUE", "9681620", "TLS Web Server"] {
        assert!(!text.contains(unexpected), "{unexpected:?} in\n{text}");
    }
    // 16 hours, from now.
    assert!((at..=at + 5).contains(&(issued.not_after - 16 * 3600)));
    // 128 bits of serial number, in the database as in the certificate.
    assert_eq!(issued.serial.len(), 32);
    let row = site.row(&issued.id).await;
    assert_eq!(row.serial, issued.serial);
    assert_eq!(row.status, CertificateStatus::Issued);
    assert_eq!(row.user.as_deref(), Some("alice"));
    assert!(row.not_before <= at - 290 && row.not_before >= at - 310);
    let last = site.decisions().await.pop().unwrap();
    assert_eq!(
        (last.action.as_ref(), last.outcome),
        ("certificate.issue", Outcome::Done)
    );
    assert_eq!(last.facts["serial"], issued.serial);
    assert!(last.facts["warnings"].contains("EUCLEAK"));
}

#[tokio::test]
async fn a_uri_or_an_address_can_be_the_name() {
    for (kind, name, shown) in [
        (
            "uri",
            "spiffe://example/alice",
            "URI:spiffe://example/alice",
        ),
        ("email", "alice@example.com", "email:alice@example.com"),
    ] {
        let site = Site::with(
            "challenge = \"yubikey-01\"\nkind = \"x509\"\nsan = \"dns\"",
            &format!("challenge = \"yubikey-01\"\nkind = \"x509\"\nsan = \"{kind}\""),
        )
        .await;
        site.add_user("alice").await;
        let key = TestKey::p256();
        site.enrol("alice", &key, KeyUse::Login, &[&format!("tls={name}")])
            .await;
        let entitled = entitlement(&site, &key, "tls", orders::serial()).await;
        let issued = site.ca.issuer().issue(entitled, facts(None)).await.unwrap();
        let file = site.dir.path().join("chain.pem");
        std::fs::write(&file, &issued.body).unwrap();
        let text = run(
            "openssl",
            &["x509", "-noout", "-text", "-in", file.to_str().unwrap()],
        );
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(text.contains(shown), "{text}");
    }
}

#[tokio::test]
async fn an_order_for_one_name_gets_that_name_alone() {
    let (site, key) = Site::with_key(GRANTS).await;
    let one = Identifier::dns("Laptop.alice.example");
    let entitled = entitlement(&site, &key, "tls", one).await;
    assert_eq!(entitled.names(), ["laptop.alice.example"]);
}

#[tokio::test]
async fn not_after_is_as_asked_within_the_profile() {
    let (site, key) = Site::with_key(GRANTS).await;
    let asked = async |not_after| {
        let entitled = entitlement(&site, &key, "tls", orders::serial()).await;
        let mut order = facts(None);
        order.not_after = Some(not_after);
        site.ca.issuer().issue(entitled, order).await
    };
    let half_an_hour = now() + 1800;
    assert_eq!(asked(half_an_hour).await.unwrap().not_after, half_an_hour);
    for (not_after, past) in [
        (0, true),
        (-1, true),
        (now() - 1, true),
        (now() + 17 * 3600, false),
        (i64::MAX, false),
    ] {
        let error = asked(not_after).await.unwrap_err();
        let expected = match past {
            true => matches!(error, IssueError::Validity(BadValidity::Past)),
            false => matches!(error, IssueError::Validity(BadValidity::TooLong { .. })),
        };
        assert!(expected, "{not_after}: {error}");
    }
    assert_eq!(
        site.certificates().await,
        1,
        "nothing is recorded for a refusal"
    );
}

#[tokio::test]
async fn the_server_certificate_is_one_for_servers_and_on_record() {
    let (site, _) = Site::with_key(GRANTS).await;
    let at = now();
    let server = site.ca.issuer().server_certificate(at).await.unwrap();
    assert_eq!(server.not_after, at + 7 * 24 * 3600);
    assert!(server.renew_at > at && server.renew_at < server.not_after);
    let dir = site.dir.path();
    let pem: String = server
        .chain
        .iter()
        .map(|der| acme_ca::pki::pem_certificate(der).unwrap())
        .collect();
    std::fs::write(dir.join("server.pem"), pem).unwrap();
    let root = site.ca.layout().certificate("root");
    let verify = |arguments: &[&str]| {
        let file = dir.join("server.pem");
        let files = [
            "-CAfile",
            root.to_str().unwrap(),
            "-untrusted",
            file.to_str().unwrap(),
        ];
        run(
            "openssl",
            &[
                &["verify", "-x509_strict"],
                arguments,
                &files,
                &[file.to_str().unwrap()],
            ]
            .concat(),
        )
    };
    let name = ["-verify_hostname", "ca.example"];
    assert!(
        verify(&[&["-purpose", "sslserver"], &name[..]].concat())
            .status
            .success()
    );
    assert!(!verify(&["-purpose", "sslclient"]).status.success());
    let rows = site
        .ca
        .store()
        .certificates(CertificateFilter::default())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].kind, rows[0].status),
        (CertificateKind::Server, CertificateStatus::Issued)
    );
}
