//! Renewal information (RFC 9773): when, and for which certificate.

use acme_wire::base64url;
use acme_wire::renewal::RenewalInfo;
use der::Decode;
use x509_cert::Certificate;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use crate::revoke::{issue_serial, leaf, revoke};
use crate::world::World;

/// RFC 9773 §4.1.
pub fn cert_id(der: &[u8]) -> String {
    let certificate = Certificate::from_der(der).unwrap();
    let tbs = certificate.tbs_certificate();
    let (_, key) = tbs
        .get_extension::<AuthorityKeyIdentifier>()
        .unwrap()
        .unwrap();
    let key = key.key_identifier.unwrap();
    format!(
        "{}.{}",
        base64url::encode(key.as_bytes()),
        base64url::encode(tbs.serial_number().as_bytes())
    )
}

async fn ask(world: &World, id: &str) -> reqwest::Response {
    let directory: acme_wire::Directory = world
        .http()
        .get(format!("{}/directory", world.base))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let url = format!("{}/{id}", directory.renewal_info.unwrap());
    world.http().get(url).send().await.unwrap()
}

/// Start and end of the window of a certificate.
pub async fn window(world: &World, id: &str) -> (i64, i64) {
    let window = ask(world, id).await.json::<RenewalInfo>().await.unwrap();
    let window = window.suggested_window;
    (window.start.epoch_seconds(), window.end.epoch_seconds())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_lies_in_the_last_third_and_in_the_past_when_revoked() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    // Serial numbers with and without a first bit that is set have other lengths in DER.
    for _ in 0..4 {
        let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
        let row = world.issued().await.remove(0);
        let answer = ask(&world, &cert_id(&tls)).await;
        assert_eq!(answer.status().as_u16(), 200);
        let headers = answer.headers().clone();
        let after: i64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((60..=6 * 3600).contains(&after));
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("max-age")
        );
        assert!(!headers.contains_key("replay-nonce"), "it may be kept");
        let window = answer.json::<RenewalInfo>().await.unwrap().suggested_window;
        let (start, end) = (window.start.epoch_seconds(), window.end.epoch_seconds());
        let life = row.not_after - row.not_before;
        assert!(start >= row.not_before + life / 2 && start < end && end < row.not_after);
        revoke(&client, &tls, None).await.ok();
        let answer = ask(&world, &cert_id(&tls)).await;
        let window = answer.json::<RenewalInfo>().await.unwrap().suggested_window;
        assert!(window.start.epoch_seconds() < window.end.epoch_seconds());
        assert!(window.end.epoch_seconds() <= world.now());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_names_one_certificate_or_none() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    let id = cert_id(&tls);
    let (authority, serial) = id.split_once('.').unwrap();
    let foreign = base64url::encode(&[7; 20]);
    let unknown = base64url::encode(&[7; 16]);
    for (id, status) in [
        (format!("{foreign}.{serial}"), 404),
        (format!("{authority}.{unknown}"), 404),
        (format!("{authority}{serial}"), 400),
        (format!("{authority}.{serial}."), 400),
        (format!("{authority}.{serial}=="), 400),
        (format!("{authority}."), 400),
        (format!(".{serial}"), 400),
        (format!("{authority}.{}", base64url::encode(&[0, 1])), 400),
        (
            format!("{authority}.{}", base64url::encode(&[0x80, 1])),
            400,
        ),
        ("x".repeat(5000), 400),
    ] {
        let answer = ask(&world, &id).await;
        assert_eq!(answer.status().as_u16(), status, "{id}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}
