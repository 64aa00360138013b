//! The folder: who may serve it, with which keys, and what a crash left in it.

use acme_ca::ca::now;
use acme_ca::store::{CertificateKind, CertificateStatus, Certificates, Intent};

use crate::GRANTS;
use crate::orders::{run, tls_order};
use crate::site::Site;

#[tokio::test]
async fn an_intent_that_a_crash_left_is_revoked_and_the_order_gets_a_new_serial() {
    let (mut site, key) = Site::with_key(GRANTS).await;
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
        subject_key: None,
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
    let (site, _) = Site::with_key(GRANTS).await;
    let _serving = site.ca.begin_serving(now()).await.unwrap();
    let second = acme_ca::Ca::open(site.ca.layout().dir()).unwrap();
    assert!(matches!(
        second.begin_serving(now()).await,
        Err(acme_ca::ca::OpenError::Busy { .. })
    ));
}

#[tokio::test]
async fn the_root_key_is_not_needed_to_serve() {
    let (mut site, key) = Site::with_key(GRANTS).await;
    std::fs::remove_file(site.ca.layout().key("root")).unwrap();
    site.reopen();
    let _serving = site.ca.begin_serving(now()).await.unwrap();
    assert!(tls_order(&site, &key, None).await.is_ok());
    assert!(site.ca.issuer().server_certificate(now()).await.is_ok());
}

/// What `docs/operate.md` says for the day when an intermediate or an SSH CA is replaced.
#[tokio::test]
async fn a_hierarchy_renewed_with_openssl_works() {
    let (mut site, key) = Site::with_key(GRANTS).await;
    let pki = site.ca.layout().pki();
    let in_pki = |command: &str| {
        let done = std::process::Command::new("sh")
            .args(["-euc", command])
            .current_dir(&pki)
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
    };
    let guide = include_str!("../../../../docs/operate.md");
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
