//! instant-acme, the library that `dlogin` is built on too, as a server's
//! program would use it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::process::Background;
use e2e::programs;
use instant_acme::{
    Account, AuthorizationHandle, CertificateIdentifier, ChallengeType, ExternalAccountKey,
    Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy, RevocationReason,
    RevocationRequest,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::judge::Got;
use crate::matrix::{Did, Journey};
use crate::place::Place;

/// The version that Cargo.lock holds.
fn version() -> String {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"));
    let lock = lock.unwrap();
    let (_, rest) = lock
        .split_once("name = \"instant-acme\"\nversion = \"")
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn register(
    place: &Place,
    eab: Option<&ExternalAccountKey>,
) -> Result<Account, instant_acme::Error> {
    let wanted = NewAccount {
        contact: &["mailto:admin@example.test"],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_root(place.root())?;
    Ok(builder.create(&wanted, place.directory(), eab).await?.0)
}

#[tokio::test]
async fn instant_acme_gets_renews_and_revokes() {
    let mut journey = Journey::of("instant-acme", version());
    let place = Place::with_webroot();
    let mut account = register(&place, None).await.unwrap();
    journey.did(Did::Account);

    let names = ["a.example.test", "b.example.test"];
    let first = get(&place, &account, &names, ChallengeType::Http01, None).await;
    journey.did(Did::Http01);
    get(
        &place,
        &account,
        &["*.w.example.test"],
        ChallengeType::Dns01,
        None,
    )
    .await;
    journey.did(Did::Dns01);
    get(
        &place,
        &account,
        &["t.example.test"],
        ChallengeType::TlsAlpn01,
        None,
    )
    .await;
    journey.did(Did::TlsAlpn01);
    get(
        &place,
        &account,
        &["127.0.0.1"],
        ChallengeType::Http01,
        None,
    )
    .await;
    journey.did(Did::Ip);

    // RFC 9773: ask when, and say what is replaced; the client wants to read that in the order.
    let old = leaf(&first);
    let old_id = CertificateIdentifier::try_from(&old).unwrap();
    let (when, ask_again) = account.renewal_info(&old_id).await.unwrap();
    assert!(when.suggested_window.start < when.suggested_window.end);
    assert!(!ask_again.is_zero());
    let by = ChallengeType::Http01;
    let second = get(&place, &account, &names, by, Some(&old_id)).await;
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);
    let identifiers = names.map(|name| Identifier::Dns(name.to_owned()));
    let again = NewOrder::new(&identifiers).replaces(old_id);
    let refused = account.new_order(&again).await.err().unwrap().to_string();
    assert!(refused.contains("replaced"), "{refused}");
    journey.did(Did::Ari);

    let request = RevocationRequest {
        certificate: &leaf(&second),
        reason: Some(RevocationReason::Superseded),
    };
    account.revoke(&request).await.unwrap();
    place.is_revoked(&second, "superseded");
    journey.did(Did::Revoke);

    account
        .update_contacts(&["mailto:other@example.test"])
        .await
        .unwrap();
    journey.did(Did::Contact);
    let _ = account.update_key().await.unwrap();
    get(
        &place,
        &account,
        &["k.example.test"],
        ChallengeType::Http01,
        None,
    )
    .await;
    journey.did(Did::KeyChange);
    account.clone().deactivate().await.unwrap();
    account.update_contacts(&[]).await.unwrap_err();
    journey.did(Did::Deactivate);

    let place = Place::with_external_account();
    register(&place, None)
        .await
        .err()
        .expect("a binding is wanted");
    let (kid, key) = place.eab();
    let key = ExternalAccountKey::new(kid, &Base64UrlUnpadded::decode_vec(&key).unwrap());
    let account = register(&place, Some(&key)).await.unwrap();
    get(
        &place,
        &account,
        &["e.example.test"],
        ChallengeType::Http01,
        None,
    )
    .await;
    journey.did(Did::Eab);
    journey.ends();
}

fn leaf(got: &Got) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(got.chain()).unwrap()
}

async fn get(
    place: &Place,
    account: &Account,
    names: &[&str],
    by: ChallengeType,
    replaces: Option<&CertificateIdentifier<'_>>,
) -> Got {
    let identifiers: Vec<Identifier> = names
        .iter()
        .map(|name| match name.parse() {
            Ok(address) => Identifier::Ip(address),
            Err(_) => Identifier::Dns((*name).to_owned()),
        })
        .collect();
    let mut wanted = NewOrder::new(&identifiers);
    if let Some(old) = replaces {
        wanted = wanted.replaces(old.clone());
    }
    let mut order = account.new_order(&wanted).await.unwrap();
    // Each shows its answer as long as the order is not ready.
    let mut shown = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        shown.push(answer(place, authorization.unwrap(), by.clone()).await);
    }
    let policy = RetryPolicy::default();
    assert_eq!(order.poll_ready(&policy).await.unwrap(), OrderStatus::Ready);
    drop(shown);
    let key = order.finalize().await.unwrap();
    let chain = order.poll_certificate(&policy).await.unwrap();
    // Each under a name of its own, so that none is overwritten.
    let stem = format!("{}.{}", names[0], order.url().rsplit('/').next().unwrap());
    let client = place.client();
    fs::write(client.join(format!("{stem}.pem")), chain).unwrap();
    fs::write(client.join(format!("{stem}.key")), key).unwrap();
    place.judge(
        Path::new(&format!("{stem}.pem")),
        Path::new(&format!("{stem}.key")),
        names,
    )
}

/// Shows the answer where the CA looks for it, and asks the CA to look.
async fn answer(
    place: &Place,
    mut authorization: AuthorizationHandle<'_>,
    by: ChallengeType,
) -> Option<Background> {
    let mut challenge = authorization.challenge(by.clone()).expect("it is offered");
    let answer = challenge.key_authorization();
    let name = match challenge.identifier().identifier {
        Identifier::Dns(name) => name.clone(),
        other => format!("{other:?}"),
    };
    let server = match by {
        ChallengeType::Http01 => {
            fs::write(place.challenges().join(&challenge.token), answer.as_str()).unwrap();
            None
        }
        ChallengeType::Dns01 => {
            let file = place.zone().join(format!("_acme-challenge.{name}"));
            fs::write(file, answer.dns_value()).unwrap();
            None
        }
        ChallengeType::TlsAlpn01 => Some(show_by_tls(place, &name, answer.digest().as_ref())),
        other => panic!("{other:?}"),
    };
    challenge.set_ready().await.unwrap();
    server
}

/// A TLS server with the certificate of RFC 8737 §3.
fn show_by_tls(place: &Place, name: &str, digest: &[u8]) -> Background {
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let client = place.client();
    fs::write(client.join("alpn.pem"), certificate.pem()).unwrap();
    fs::write(client.join("alpn.key"), key.serialize_pem()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], place.tls_port));
    let mut openssl = Command::new(programs::system("openssl").unwrap());
    openssl
        .current_dir(&client)
        .args(["s_server", "-accept", &address.to_string()])
        .args([
            "-alpn",
            "acme-tls/1",
            "-www",
            "-cert",
            "alpn.pem",
            "-key",
            "alpn.key",
        ]);
    let mut server = Background::start(openssl, &client.join("alpn.log")).unwrap();
    server.wait_for_port(address).unwrap();
    server
}
