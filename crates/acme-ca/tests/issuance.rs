//! What is issued, judged by OpenSSL and OpenSSH; what is on record.
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

use acme_ca::audit::Outcome;
use acme_ca::ca::now;
use acme_ca::config::BadValidity;
use acme_ca::issuance::{IssueError, PEM_CHAIN};
use acme_ca::records::KeyUse;
use acme_ca::store::{CertificateFilter, CertificateKind, CertificateStatus, Certificates, Intent};
use acme_wire::order::Identifier;
use device::TestKey;
use orders::{entitlement, facts, run, tls_order};
use site::Site;

async fn site_with_key() -> (Site, TestKey) {
    let site = Site::new().await;
    site.add_user("alice").await;
    let key = TestKey::p256();
    let grants = &["tls=alice.example,laptop.alice.example", "ssh=alice,deploy"];
    site.enrol("alice", &key, KeyUse::Login, grants).await;
    (site, key)
}

#[tokio::test]
async fn openssl_accepts_what_is_issued_as_a_client_and_only_as_that() {
    let (site, key) = site_with_key().await;
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
    let row = site
        .ca
        .store()
        .certificate(&issued.id)
        .await
        .unwrap()
        .unwrap();
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
async fn ssh_keygen_accepts_what_is_issued() {
    let (site, key) = site_with_key().await;
    let entitled = entitlement(&site, &key, "ssh", orders::serial()).await;
    let issued = site.ca.issuer().issue(entitled, facts(None)).await.unwrap();
    assert_eq!(issued.media_type, sshcert_acme::MEDIA_TYPE);
    let file = site.dir.path().join("key-cert.pub");
    std::fs::write(&file, &issued.body).unwrap();
    let listed = run("ssh-keygen", &["-L", "-f", file.to_str().unwrap()]);
    let text = String::from_utf8(listed.stdout).unwrap();
    let ca = &site.ca.hierarchy().ssh_users[0];
    for expected in [
        "ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate".to_owned(),
        format!("Signing CA: ECDSA {}", ca.fingerprint()),
        "Key ID: \"alice yubikey 9681620 order order-1\"".to_owned(),
        format!("Serial: {}", issued.serial),
        "Principals: \n                alice\n                deploy\n".to_owned(),
        "Critical Options: (none)".to_owned(),
        "permit-pty".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected:?} in\n{text}");
    }
    let row = site
        .ca
        .store()
        .certificate(&issued.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.kind, row.names),
        (CertificateKind::Ssh, vec!["alice".into(), "deploy".into()])
    );
}

#[tokio::test]
async fn ssh_options_come_from_the_profile() {
    let site = Site::with(
        "extensions = [\"permit-pty\", \"permit-agent-forwarding\", \"permit-port-forwarding\", \"permit-user-rc\"]",
        "extensions = []\ncritical_options = { source-address = \"192.0.2.0/24, 2001:db8::/32\", force-command = \"uptime\" }",
    )
    .await;
    site.add_user("alice").await;
    let key = TestKey::p256();
    site.enrol("alice", &key, KeyUse::Login, &["ssh=alice"])
        .await;
    let entitled = entitlement(&site, &key, "ssh", orders::serial()).await;
    let issued = site.ca.issuer().issue(entitled, facts(None)).await.unwrap();
    let file = site.dir.path().join("key-cert.pub");
    std::fs::write(&file, &issued.body).unwrap();
    let listed = run("ssh-keygen", &["-L", "-f", file.to_str().unwrap()]);
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(
        text.contains("source-address 192.0.2.0/24,2001:db8::/32"),
        "{text}"
    );
    assert!(text.contains("force-command uptime"), "{text}");
    assert!(text.contains("Extensions: (none)"), "{text}");
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
    let (site, key) = site_with_key().await;
    let one = Identifier::dns("Laptop.alice.example");
    let entitled = entitlement(&site, &key, "tls", one).await;
    assert_eq!(entitled.names(), ["laptop.alice.example"]);
}

#[tokio::test]
async fn not_after_is_as_asked_within_the_profile() {
    let (site, key) = site_with_key().await;
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
        certificates(&site).await,
        1,
        "nothing is recorded for a refusal"
    );
}

async fn certificates(site: &Site) -> usize {
    let all = site.ca.store().certificates(CertificateFilter::default());
    all.await.unwrap().len()
}

#[tokio::test]
async fn an_intent_that_a_crash_left_is_revoked_and_the_order_gets_a_new_serial() {
    let (mut site, key) = site_with_key().await;
    let at = now();
    let intent = Intent {
        id: "00ff".into(),
        issuer: "CN=ca.example Client CA".into(),
        serial: "0badcafe".into(),
        kind: CertificateKind::X509,
        profile: "tls".into(),
        user: Some("alice".into()),
        key: None,
        order_id: Some("order-1".into()),
        account: None,
        names: vec!["alice.example".into()],
        not_before: at,
        not_after: at + 3600,
        tbs: vec![0x30, 0],
        at,
    };
    site.ca.store().intend(intent).await.unwrap();
    site.reopen();
    let serving = site.ca.begin_serving(now()).await.unwrap();
    assert_eq!(serving.abandoned.len(), 1);
    assert_eq!(serving.abandoned[0].order_id.as_deref(), Some("order-1"));
    let row = site.ca.store().certificate("00ff").await.unwrap().unwrap();
    assert_eq!(row.status, CertificateStatus::Revoked);
    assert!(row.reason.is_some() && row.revoked.is_some());
    let revoked = site.decisions().await.pop().unwrap();
    assert_eq!(revoked.action, "certificate.revoke");
    let issued = tls_order(&site, &key, None).await.unwrap();
    assert_ne!(issued.serial, "0badcafe");
    // What was issued is left alone the next time.
    drop(serving);
    let again = site.ca.begin_serving(now()).await.unwrap();
    assert!(again.abandoned.is_empty());
}

#[tokio::test]
async fn one_process_serves_a_folder() {
    let (site, _) = site_with_key().await;
    let _serving = site.ca.begin_serving(now()).await.unwrap();
    let second = acme_ca::Ca::open(site.ca.layout().dir()).unwrap();
    assert!(matches!(
        second.begin_serving(now()).await,
        Err(acme_ca::ca::OpenError::Busy { .. })
    ));
}

#[tokio::test]
async fn the_root_key_is_not_needed_to_serve() {
    let (mut site, key) = site_with_key().await;
    std::fs::remove_file(site.ca.layout().key("root")).unwrap();
    site.reopen();
    let _serving = site.ca.begin_serving(now()).await.unwrap();
    assert!(tls_order(&site, &key, None).await.is_ok());
    assert!(site.ca.issuer().server_certificate(now()).await.is_ok());
}

/// What `docs/operate.md` says for the day when an intermediate or an SSH CA is replaced.
#[tokio::test]
async fn a_hierarchy_renewed_with_openssl_works() {
    let (mut site, key) = site_with_key().await;
    let pki = site.ca.layout().pki();
    let in_pki = |command: &str| {
        let done = std::process::Command::new("sh")
            .args(["-euc", command])
            .current_dir(&pki)
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
    };
    let guide = include_str!("../../../docs/operate.md");
    for heading in ["### A new intermediate", "### A new SSH CA"] {
        let section = guide.split(heading).nth(1).expect(heading);
        let script = section
            .split("```sh\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        in_pki(script);
    }
    let before = site.ca.hierarchy().ssh_users[0].fingerprint();
    let kept = site.ca.hierarchy().ssh_users[1].fingerprint();
    site.reopen();
    let ssh = &site.ca.hierarchy().ssh_users;
    assert_ne!(ssh[0].fingerprint(), before);
    assert_eq!(ssh[0].fingerprint(), kept, "the second CA signs now");
    let issued = tls_order(&site, &key, None).await.unwrap();
    let file = site.dir.path().join("chain.pem");
    std::fs::write(&file, &issued.body).unwrap();
    let root = site.ca.layout().certificate("root");
    let files = [root.to_str().unwrap(), file.to_str().unwrap()];
    let arguments = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"];
    let verified = run(
        "openssl",
        &[
            &arguments[..],
            &[files[0], "-untrusted", files[1], files[1]],
        ]
        .concat(),
    );
    assert!(verified.status.success(), "{verified:?}");
    // An intermediate that the root did not sign is none.
    in_pki(
        "openssl req -x509 -new -key clients.key -subj '/CN=ca.example Client CA' -days 9 -out clients.pem",
    );
    assert!(matches!(
        acme_ca::Ca::open(site.ca.layout().dir()),
        Err(acme_ca::ca::OpenError::Pki(
            acme_ca::pki::PkiError::NotUnderRoot { .. }
        ))
    ));
}

#[tokio::test]
async fn the_server_certificate_is_one_for_servers_and_on_record() {
    let (site, _) = site_with_key().await;
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
