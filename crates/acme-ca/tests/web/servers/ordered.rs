//! What may be ordered, and by whom.

use acme_ca::records::KeyUse;
use acme_wire::order::{Identifier, IdentifierType};
use acme_wire::problem::Problem;

use super::{Servers, place, request};
use crate::card::Card;
use crate::world::SERIAL;

#[tokio::test]
async fn names_are_ordered_once_and_in_one_form() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = place(
        &client,
        &[
            "WWW.Example.NET",
            "www.example.net",
            "192.0.2.1",
            "192.0.2.1",
        ],
    )
    .await;
    let values: Vec<_> = order.order.identifiers.iter().map(|i| &i.value).collect();
    assert_eq!(values, ["www.example.net", "192.0.2.1"]);
    assert_eq!(order.order.authorizations.len(), 2);
}

/// The subproblems of a refused order: type and identifier of each.
fn parts(problem: &Problem) -> Vec<(&str, &str)> {
    problem
        .subproblems
        .iter()
        .map(|part| {
            let identifier = part.identifier.as_ref().unwrap();
            assert!(part.detail.is_some());
            (part.kind.name(), identifier.value.as_str())
        })
        .collect()
}

#[tokio::test]
async fn every_name_that_is_none_is_told() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let answer = client
        .new_order(&request(&["www.example.net", "a b", "bücher.example.net"]))
        .await;
    let problem = answer.problem();
    assert_eq!((answer.status, problem.kind.name()), (400, "malformed"));
    assert_eq!(
        parts(&problem),
        [("malformed", "a b"), ("malformed", "bücher.example.net")]
    );

    let mut mixed = request(&["a b"]);
    mixed.identifiers.push(Identifier {
        kind: IdentifierType::Unknown("telephone".into()),
        value: "1".into(),
    });
    let problem = client.new_order(&mixed).await.problem();
    assert_eq!(problem.kind.name(), "compound");
    assert_eq!(
        parts(&problem),
        [("malformed", "a b"), ("unsupportedIdentifier", "1")]
    );

    let none = client.new_order(&request(&[])).await;
    assert!(none.refused(400, "malformed").contains("no identifier"));
    // One refusal each is on record, with every reason.
    let refused = servers.world.audit("order.new").await;
    assert_eq!(refused.len(), 3);
    assert_eq!(refused[0].reasons.len(), 2);
}

#[tokio::test]
async fn a_name_without_a_challenge_that_fits_is_rejected() {
    let mut servers = Servers::new().await;
    servers
        .world
        .restart(|settings| {
            let all = "challenges = [\"http-01\", \"dns-01\", \"tls-alpn-01\"]";
            assert!(settings.contains(all));
            settings.replace(all, "challenges = [\"http-01\"]")
        })
        .await;
    let client = servers.world.client().await;
    place(&client, &["www.example.net"]).await;
    let wildcard = client.new_order(&request(&["*.example.net"])).await;
    let detail = wildcard.refused(403, "rejectedIdentifier");
    assert!(detail.contains("dns-01"), "{detail}");
}

#[tokio::test]
async fn nothing_is_allowed_until_the_operator_says_so() {
    let servers = Servers::with("", "").await;
    let client = servers.world.client().await;
    let answer = client
        .new_order(&request(&["www.example.net", "192.0.2.1"]))
        .await;
    let problem = answer.problem();
    assert_eq!(
        (answer.status, problem.kind.name()),
        (403, "rejectedIdentifier")
    );
    let detail = problem.detail.clone().unwrap();
    assert!(detail.contains("[[profiles.servers.allow]]"), "{detail}");
    assert_eq!(
        parts(&problem),
        [
            ("rejectedIdentifier", "www.example.net"),
            ("rejectedIdentifier", "192.0.2.1")
        ]
    );
}

#[tokio::test]
async fn a_rule_can_be_for_one_account() {
    let mut servers = Servers::with("", "").await;
    let client = servers.world.client().await;
    let id = client.kid.rsplit('/').next().unwrap().to_owned();
    let rule = format!(
        "[[profiles.servers.allow]]\nwho = \"account:{id}\"\nnames = [\"www.example.net\"]\n"
    );
    servers
        .world
        .restart(|settings| format!("{settings}\n{rule}"))
        .await;
    let client = client.over(servers.world.http());
    place(&client, &["www.example.net"]).await;
    let other = servers.world.client().await;
    let answer = other.new_order(&request(&["www.example.net"])).await;
    answer.refused(403, "rejectedIdentifier");
}

#[tokio::test]
async fn names_in_the_record_of_a_key_are_nobody_elses() {
    let servers = Servers::new().await;
    let mut card = Card::new(&servers.world.root, SERIAL);
    let key = card.login();
    let grants: &[(&str, &[&str])] = &[("tls", &["Alice.example.net"])];
    servers
        .world
        .enrol(&mut card, &key, KeyUse::Login, grants)
        .await;
    let client = servers.world.client().await;
    let mut details = Vec::new();
    for name in ["alice.example.net", "*.example.net", "www.example.org"] {
        let answer = client.new_order(&request(&[name])).await;
        let detail = answer.refused(403, "rejectedIdentifier");
        details.push(detail.replace(name, "NAME"));
    }
    // Whether a name is reserved is not told.
    assert_eq!(details[0], details[2]);
    let refused = servers.world.audit("order.new").await;
    assert!(refused[0].reasons[0].contains("reserved"));
    assert!(refused[1].reasons[0].contains("reserved"));
    assert!(refused[2].reasons[0].contains("no rule"));
    place(&client, &["www.example.net", "*.www.example.net"]).await;
}

#[tokio::test]
async fn nobody_gets_the_host_of_the_ca() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    // The CA of this test is at 127.0.0.1, which the rule allows.
    place(&client, &["127.0.0.2"]).await;
    let answer = client.new_order(&request(&["127.0.0.1"])).await;
    answer.refused(403, "rejectedIdentifier");
    let refused = servers.world.audit("order.new").await;
    assert!(refused[0].reasons[0].contains("the host of this CA"));
}

#[tokio::test]
async fn a_yubikey_profile_takes_no_order_of_servers_and_the_other_way_round() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let mut serial = request(&[]);
    serial.identifiers.push(Identifier::permanent("1"));
    let answer = client.new_order(&serial).await;
    answer.refused(400, "unsupportedIdentifier");
    let mut two = request(&["a.example.net", "b.example.net"]);
    two.profile = Some("tls".into());
    let answer = client.new_order(&two).await;
    assert!(answer.refused(400, "malformed").contains("exactly one"));
}
