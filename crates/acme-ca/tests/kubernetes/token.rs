//! Which tokens prove who a pod is, and which do not.

use acme_ca::config::Seconds;
use acme_ca::kubernetes::{KubernetesError, digest};
use acme_wire::jwk::Algorithm;
use acme_wire::problem::ProblemType;
use serde_json::{Value, json};

use crate::issuer::{ISSUER, KEY_AUTHORIZATION, Key, NOW, URL, World, base64url, claims};

type E = KubernetesError;

#[tokio::test]
async fn a_token_of_the_cluster_for_this_challenge_proves_who_the_pod_is() {
    for key in [Key::es256(), Key::rs256()] {
        let world = World::with(key).await;
        let pod = world.verify(&world.token(&claims())).await.unwrap();
        assert_eq!(pod.cluster(), "test");
        assert_eq!(pod.namespace(), "shop");
        assert_eq!(pod.service_account(), "cart");
        assert_eq!(pod.pod(), Some("cart-7d9f"));
        assert_eq!(pod.names(), ["cart.shop.svc.example.net"]);
        assert_eq!(pod.check_name("Cart.shop.svc.example.net"), Ok(()));
    }
}

#[tokio::test]
async fn the_audiences_may_stand_in_either_order_and_a_pod_need_not_be_named() {
    let world = World::new().await;
    let pod = world
        .verify_claims(|claims| {
            claims["aud"] = json!([digest(KEY_AUTHORIZATION), URL]);
            let private = claims["kubernetes.io"].as_object_mut().unwrap();
            private.remove("pod");
        })
        .await
        .unwrap();
    assert_eq!(pod.pod(), None);
}

#[tokio::test]
async fn no_other_audiences_will_do() {
    let world = World::new().await;
    let digest = digest(KEY_AUTHORIZATION);
    let other = acme_ca::kubernetes::digest("token.another-thumbprint");
    for audiences in [
        json!([URL]),
        json!(URL),
        json!(digest),
        json!([digest]),
        json!([URL, other]),
        json!(["https://kubernetes.default.svc", digest]),
        json!([URL, digest, "https://kubernetes.default.svc"]),
        json!([URL, URL]),
        json!([digest, digest]),
        json!([format!("{URL}/"), digest]),
        json!([format!("{URL} {digest}")]),
        json!([]),
    ] {
        let error = world
            .verify_claims(|claims| claims["aud"] = audiences.clone())
            .await
            .unwrap_err();
        assert!(
            matches!(error, E::Audiences { .. }),
            "{audiences}: {error:?}"
        );
        assert_eq!(error.problem_type(), ProblemType::IncorrectResponse);
    }
    // Nothing of this needed the cluster.
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn no_signature_and_no_mac_is_a_signature() {
    let world = World::with(Key::rs256()).await;
    let public = world.key.jwk("one").to_string();
    for algorithm in [
        "none", "None", "nOnE", "HS256", "HS384", "HS512", "RS1", "PS256", "",
    ] {
        let header = base64url(
            json!({ "alg": algorithm, "kid": "one" })
                .to_string()
                .as_bytes(),
        );
        let signed = format!("{header}.{}", base64url(claims().to_string().as_bytes()));
        // What a verifier that takes the public key for a secret would compute.
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
        let mac = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
        for signature in [String::new(), base64url(mac.as_ref())] {
            let error = world
                .verify(&format!("{signed}.{signature}"))
                .await
                .unwrap_err();
            assert!(
                matches!(error, E::Algorithm { .. }),
                "{algorithm}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_algorithm_is_one_of_the_settings_and_that_of_the_key() {
    let mut world = World::new().await;
    // ES256 in the key, RS256 in the header.
    let header = json!({ "alg": "RS256", "kid": "one" });
    let token = world.key.token(&header, &claims());
    assert_eq!(world.verify(&token).await, Err(E::Signature));
    world.change(|cluster| cluster.algorithms = vec![Algorithm::Rs256]);
    let error = world.verify(&world.token(&claims())).await.unwrap_err();
    let found = "ES256".to_owned();
    assert_eq!(error, E::Algorithm { found });
}

#[tokio::test]
async fn the_signature_is_over_every_byte_and_by_the_cluster() {
    let world = World::new().await;
    let token = world.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = Key::es256().token(&json!({ "alg": "ES256", "kid": "one" }), &claims());
    let (_, foreign) = other.rsplit_once('.').unwrap();
    for bad in [
        format!("{signed}.{foreign}"),
        format!("{signed}."),
        format!("{signed}.{}", base64url(&[0; 64])),
    ] {
        assert_eq!(world.verify(&bad).await, Err(E::Signature), "{bad}");
    }
    let (header, _) = signed.split_once('.').unwrap();
    let mut changed = claims();
    changed["sub"] = json!("system:serviceaccount:shop:admin");
    let payload = base64url(changed.to_string().as_bytes());
    let bad = format!("{header}.{payload}.{signature}");
    assert_eq!(world.verify(&bad).await, Err(E::Signature));
}

#[tokio::test]
async fn another_issuer_is_refused_whoever_signed() {
    let world = World::new().await;
    for issuer in [
        "https://kubernetes.other.example",
        "https://kubernetes.default.svc.cluster.local/",
        "HTTPS://kubernetes.default.svc.cluster.local",
        "",
    ] {
        let error = world
            .verify_claims(|claims| claims["iss"] = json!(issuer))
            .await
            .unwrap_err();
        assert!(matches!(error, E::Issuer { .. }), "{issuer}: {error:?}");
        assert_eq!(error.problem_type(), ProblemType::Unauthorized);
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_token_is_of_now_and_lives_briefly() {
    let world = World::new().await;
    type Case = (&'static str, i64, fn(&E) -> bool);
    let cases: [Case; 6] = [
        ("exp", NOW, |e| matches!(e, E::Expired { .. })),
        ("exp", NOW - 3600, |e| matches!(e, E::Expired { .. })),
        ("exp", NOW + 601, |e| matches!(e, E::LongLived { .. })),
        ("nbf", NOW + 31, |e| matches!(e, E::Early { .. })),
        ("iat", NOW + 31, |e| matches!(e, E::Early { .. })),
        ("iat", NOW - 1, |e| matches!(e, E::LongLived { .. })),
    ];
    for (claim, time, is_expected) in cases {
        let error = world
            .verify_claims(|claims| claims[claim] = json!(time))
            .await
            .unwrap_err();
        assert!(is_expected(&error), "{claim} {time}: {error:?}");
    }
    // A year, as tokens of the API server's own audience may have.
    let error = world
        .verify_claims(|claims| claims["exp"] = json!(NOW + 31_536_000))
        .await
        .unwrap_err();
    let (found, most) = (Seconds(31_536_000), Seconds(600));
    assert_eq!(error, E::LongLived { found, most });
    let early = world.verify_at(&world.token(&claims()), NOW - 30).await;
    assert!(early.is_ok(), "{early:?}");
    let late = world.verify_at(&world.token(&claims()), NOW + 599).await;
    assert!(late.is_ok(), "{late:?}");
}

#[tokio::test]
async fn no_claim_may_be_missing_or_of_another_type() {
    let world = World::new().await;
    for claim in ["iss", "aud", "exp", "nbf", "iat", "sub", "kubernetes.io"] {
        let error = world
            .verify_claims(|claims| {
                claims.as_object_mut().unwrap().remove(claim);
            })
            .await
            .unwrap_err();
        assert_eq!(error, E::Member { member: claim }, "{claim}");
        for value in [json!(null), json!({}), json!(1.5), json!(true), json!([1])] {
            if claim == "kubernetes.io" && value.is_object() {
                continue;
            }
            let error = world
                .verify_claims(|claims| claims[claim] = value.clone())
                .await
                .unwrap_err();
            assert_eq!(error, E::Member { member: claim }, "{claim} {value}");
        }
    }
    for time in [
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!("1800000600"),
    ] {
        let error = world
            .verify_claims(|claims| claims["exp"] = time.clone())
            .await
            .unwrap_err();
        assert_eq!(error, E::Member { member: "exp" }, "{time}");
    }
}

#[tokio::test]
async fn the_subject_is_a_service_account_and_every_claim_says_the_same() {
    let world = World::new().await;
    for subject in [
        "system:node:node-1",
        "system:serviceaccount:shop",
        "system:serviceaccount:shop:",
        "system:serviceaccount::cart",
        "system:serviceaccount:shop:cart:x",
        "system:serviceaccount",
        "",
    ] {
        let error = world
            .verify_claims(|claims| claims["sub"] = json!(subject))
            .await
            .unwrap_err();
        assert!(matches!(error, E::Subject { .. }), "{subject}: {error:?}");
    }
    let changes: [fn(&mut Value); 4] = [
        |claims| claims["kubernetes.io"]["namespace"] = json!("kube-system"),
        |claims| claims["kubernetes.io"]["serviceaccount"]["name"] = json!("admin"),
        |claims| claims["kubernetes.io"]["serviceaccount"] = json!(null),
        |claims| claims["sub"] = json!("system:serviceaccount:kube-system:cart"),
    ];
    for change in changes {
        let error = world.verify_claims(change).await.unwrap_err();
        assert!(matches!(error, E::Disagree { .. }), "{error:?}");
    }
}

/// A token of which everything agrees, for another account.
fn of(namespace: &str, name: &str) -> impl FnOnce(&mut Value) {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    move |claims| {
        claims["sub"] = json!(format!("system:serviceaccount:{namespace}:{name}"));
        claims["kubernetes.io"]["namespace"] = json!(namespace);
        claims["kubernetes.io"]["serviceaccount"]["name"] = json!(name);
    }
}

#[tokio::test]
async fn names_are_those_of_the_account_and_no_other() {
    let mut world = World::new().await;
    let pod = world.verify_claims(of("shop", "web")).await.unwrap();
    assert_eq!(pod.names(), ["web.shop.svc.example.net"]);
    for other in [
        "cart.shop.svc.example.net",
        "web.bank.svc.example.net",
        "x.web.shop.svc.example.net",
        "shop.svc.example.net",
        "*.shop.svc.example.net",
    ] {
        let error = pod.check_name(other).unwrap_err();
        assert!(matches!(error, E::OtherName { .. }), "{other}");
        assert_eq!(error.problem_type(), ProblemType::Unauthorized);
    }
    world.change(|cluster| cluster.namespaces = vec!["shop".to_owned()]);
    assert!(world.verify_claims(of("shop", "web")).await.is_ok());
    let error = world.verify_claims(of("bank", "web")).await.unwrap_err();
    let namespace = "bank".to_owned();
    assert_eq!(error, E::Namespace { namespace });
}

#[tokio::test]
async fn no_value_escapes_the_template() {
    let world = World::new().await;
    for bad in [
        "a.b",
        "cart.shop.svc.example.net",
        "..",
        "*",
        "-",
        "Cart",
        "ca rt",
        "cart\0",
        "c%61rt",
        "{namespace}",
        "ca/rt",
    ] {
        for change in [of("shop", bad), of(bad, "cart")] {
            let error = world.verify_claims(change).await.unwrap_err();
            assert!(matches!(error, E::Label { .. }), "{bad:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_header_brings_no_key_and_no_extension() {
    let world = World::new().await;
    for (member, value) in [
        ("jwk", world.key.jwk("one")),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "one", "typ": "JWT" });
        assert!(
            world
                .verify(&world.key.token(&header, &claims()))
                .await
                .is_ok()
        );
        header[member] = value;
        let error = world
            .verify(&world.key.token(&header, &claims()))
            .await
            .unwrap_err();
        let member = member.to_owned();
        assert_eq!(error, E::HeaderMember { member });
    }
    for header in [json!({ "alg": "ES256" }), json!({ "kid": "one" })] {
        let error = world
            .verify(&world.key.token(&header, &claims()))
            .await
            .unwrap_err();
        assert!(matches!(error, E::Member { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let world = World::new().await;
    let good = world.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}.{}", parts[2]),
        format!("{good}="),
        format!(" {good}"),
        good.replace('.', "+"),
        json!({ "payload": parts[1], "protected": parts[0], "signature": parts[2] }).to_string(),
    ] {
        let error = world.verify(&bad).await.unwrap_err();
        assert!(
            matches!(error, E::NotCompact | E::Json { .. }),
            "{bad}: {error:?}"
        );
        assert_eq!(error.problem_type(), ProblemType::Malformed);
    }
    let long = format!("{}.{}.{}", parts[0], "A".repeat(16 * 1024), parts[2]);
    let error = world.verify(&long).await.unwrap_err();
    assert!(matches!(error, E::TooLong { .. }), "{error:?}");
    // Two readers of a claim that stands twice could see two tokens.
    let twice = format!(
        r#"{{"iss":"{ISSUER}","aud":["{URL}"],"sub":"system:serviceaccount:shop:cart","sub":"x"}}"#
    );
    for payload in [twice.as_str(), "[]", "null", "{", "\u{1}"] {
        let bad = format!(
            "{}.{}.{}",
            parts[0],
            base64url(payload.as_bytes()),
            parts[2]
        );
        let error = world.verify(&bad).await.unwrap_err();
        assert!(matches!(error, E::Json { .. }), "{payload}: {error:?}");
    }
}
