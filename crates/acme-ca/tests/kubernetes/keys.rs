//! The keys of a cluster: fetched over TLS, kept for a while, and fetched again with restraint.

use acme_ca::kubernetes::{FetchError, KubernetesError};
use acme_wire::problem::ProblemType;
use serde_json::json;

use crate::issuer::{Key, NOW, Says, World, claims, pki, set};

type E = KubernetesError;

#[tokio::test]
async fn keys_are_fetched_once_and_kept() {
    let world = World::new().await;
    for _ in 0..3 {
        assert!(world.verify(&world.token(&claims())).await.is_ok());
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_known_has_them_fetched_again_but_not_at_once() {
    let world = World::new().await;
    assert!(world.verify(&world.token(&claims())).await.is_ok());
    let new = Key::es256();
    let token = new.token(&json!({ "alg": "ES256", "kid": "two" }), &claims());
    world.say(Says::Body(set(&[world.key.jwk("one"), new.jwk("two")])));
    for _ in 0..20 {
        let id = "two".to_owned();
        assert_eq!(world.verify(&token).await, Err(E::UnknownKey { id }));
    }
    assert_eq!(world.asked(), 1);
    assert!(world.verify_at(&token, NOW + 10).await.is_ok());
    assert_eq!(world.asked(), 2);
    // Keys that nobody has cost one fetch in a while.
    for number in 0..20 {
        let header = json!({ "alg": "ES256", "kid": format!("no-{number}") });
        let token = new.token(&header, &claims());
        assert!(world.verify_at(&token, NOW + 20).await.is_err());
    }
    assert_eq!(world.asked(), 3);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_used_no_longer() {
    let world = World::new().await;
    let mut later = claims();
    for claim in ["iat", "nbf", "exp"] {
        later[claim] = json!(later[claim].as_i64().unwrap() + 600);
    }
    assert!(world.verify(&world.token(&claims())).await.is_ok());
    world.say(Says::Body(set(&[Key::es256().jwk("two")])));
    let id = "one".to_owned();
    assert_eq!(
        world.verify_at(&world.token(&later), NOW + 600).await,
        Err(E::UnknownKey { id })
    );
}

#[tokio::test]
async fn an_issuer_that_is_down_is_lived_without_for_a_while() {
    let world = World::new().await;
    assert!(world.verify(&world.token(&claims())).await.is_ok());
    world.say(Says::Raw("503 Service Unavailable\r\n\r\n".to_owned()));
    let at = |time: i64| {
        let mut claims = claims();
        for claim in ["iat", "nbf"] {
            claims[claim] = json!(time);
        }
        claims["exp"] = json!(time + 600);
        world.token(&claims)
    };
    let soon = NOW + 1200;
    assert!(world.verify_at(&at(soon), soon).await.is_ok());
    assert_eq!(world.asked(), 2);
    let late = NOW + 3600;
    let error = world.verify_at(&at(late), late).await.unwrap_err();
    assert!(
        matches!(error, E::Keys(FetchError::Status { status: 503, .. })),
        "{error:?}"
    );
    assert!(!error.is_judgement());
    assert_eq!(error.problem_type(), ProblemType::Connection);
}

#[tokio::test]
async fn what_is_no_set_of_keys_is_told() {
    let mut private = Key::es256().jwk("one");
    private["d"] = json!("AAAA");
    let many: Vec<_> = (0..65).map(|_| json!({})).collect();
    for says in [
        Says::Body(String::new()),
        Says::Body("{}".to_owned()),
        Says::Body("[]".to_owned()),
        Says::Body(set(&[])),
        Says::Body(set(&many)),
        Says::Body(set(&[private])),
        // A secret is no key of anybody's.
        Says::Body(set(&[json!({ "kty": "oct", "kid": "one", "k": "AAAA" })])),
        Says::Body(set(&[
            json!({ "kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB" }),
        ])),
    ] {
        let world = World::new().await;
        world.say(says.clone());
        let error = world.verify(&world.token(&claims())).await.unwrap_err();
        assert!(
            matches!(error, E::Keys(FetchError::NoKeys { .. })),
            "{says:?}: {error:?}"
        );
        // It is not asked again at once.
        assert!(world.verify(&world.token(&claims())).await.is_err());
        assert_eq!(world.asked(), 1);
    }
}

#[tokio::test]
async fn keys_of_other_kinds_beside_are_passed_over() {
    let world = World::new().await;
    world.say(Says::Body(set(&[
        json!({ "kty": "oct", "kid": "one", "k": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-521", "kid": "one" }),
        world.key.jwk("one"),
    ])));
    assert!(world.verify(&world.token(&claims())).await.is_ok());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let world = World::new().await;
    let url = world.settings.jwks_url.to_string();
    world.say(Says::Raw(format!(
        "302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n"
    )));
    let error = world.verify(&world.token(&claims())).await.unwrap_err();
    assert!(
        matches!(error, E::Keys(FetchError::Status { status: 302, .. })),
        "{error:?}"
    );
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn an_endless_set_is_not_read() {
    let world = World::new().await;
    world.say(Says::Endless);
    let error = world.verify(&world.token(&claims())).await.unwrap_err();
    assert!(
        matches!(error, E::Keys(FetchError::Unreachable { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn only_the_roots_of_the_settings_vouch_for_the_server() {
    let mut world = World::new().await;
    let (other_root, _, _) = pki();
    world.change(|cluster| cluster.roots = vec![other_root]);
    let error = world.verify(&world.token(&claims())).await.unwrap_err();
    assert!(
        matches!(error, E::Keys(FetchError::Unreachable { .. })),
        "{error:?}"
    );
    assert_eq!(world.asked(), 0);
}
