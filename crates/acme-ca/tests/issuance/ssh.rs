//! Certificates for SSH, judged by ssh-keygen.

use acme_ca::records::KeyUse;
use acme_ca::store::CertificateKind;

use crate::GRANTS;
use crate::device::TestKey;
use crate::orders::{self, entitlement, facts, run};
use crate::site::Site;

#[tokio::test]
async fn ssh_keygen_accepts_what_is_issued() {
    let (site, key) = Site::with_key(GRANTS).await;
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
    let row = site.row(&issued.id).await;
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
