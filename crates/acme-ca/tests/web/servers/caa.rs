//! CAA (RFC 8659): what the DNS of a name says about who may issue for it.

use std::sync::Arc;
use std::time::Duration;

use acme_ca::store::Orders;
use acme_wire::order::{Finalize, Order, OrderStatus};
use acme_wire::{Directory, base64url};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::task::JoinHandle;

use super::{ALLOW, Ordered, Servers, place};
use crate::client::{Answer, Client};
use crate::csr::server_csr;
use crate::der::SoftKey;
use crate::dns_server::Data;
use crate::lifecycle::until;

/// A CA that asks for CAA records, in which it is `ca.example` or `ca2.example`.
async fn asking() -> Servers {
    let caa = "caa = [\"ca.example\", \"CA2.example\"]";
    Servers::with("", &format!("{caa}\n{ALLOW}")).await
}

fn caa(tag: &str, value: &str) -> Data {
    Data::Caa(false, tag.to_owned(), value.to_owned())
}

/// Finalizes a ready order with a new key.
async fn finalize(client: &Client, order: &Ordered, names: &[&str]) -> Answer {
    let csr = server_csr(&SoftKey::generate(), None, names);
    order.finalize(client, &csr).await
}

/// Shows control of the names, and finalizes.
async fn ordered(servers: &Servers, client: &Client, names: &[&str]) -> Answer {
    let order = servers.ready(client, names).await;
    finalize(client, &order, names).await
}

#[tokio::test]
async fn records_that_name_another_ca_forbid() {
    let servers = asking().await;
    let client = servers.world.client().await;
    let names = ["www.example.net", "mail.example.net", "127.0.0.2"];
    servers
        .dns
        .set("example.net", [caa("issue", "other.example")]);
    let order = servers.ready(&client, &names).await;
    let refused = finalize(&client, &order, &names).await;
    let detail = refused.refused(403, "caa");
    assert!(detail.contains("2 of the names"), "{detail}");
    let problem = refused.problem();
    let of = |n: usize| {
        problem.subproblems[n]
            .identifier
            .as_ref()
            .unwrap()
            .value
            .as_str()
    };
    assert_eq!(
        (problem.subproblems.len(), of(0), of(1)),
        (2, names[0], names[1])
    );
    let why = problem.subproblems[0].detail.as_ref().unwrap();
    assert!(
        why.contains("CAA of example.net") && why.contains("\"other.example\""),
        "{why}"
    );
    let order: Order = client.get(&order.url).await.ok().json();
    assert_eq!(
        (order.status, order.error),
        (OrderStatus::Invalid, Some(problem))
    );
    assert!(servers.world.issued().await.is_empty());
    let audited = servers.world.audit("order.finalize").await;
    assert!(
        audited[0].reasons[0].contains("CAA of example.net"),
        "{audited:?}"
    );
    // What several names need is asked for once.
    let asked = servers.dns.asked();
    let above = ("example.net".to_owned(), RecordType::CAA);
    assert_eq!(asked.iter().filter(|one| **one == above).count(), 1);
}

#[tokio::test]
async fn the_nearest_records_that_name_the_ca_allow() {
    let servers = asking().await;
    let client = servers.world.client().await;
    servers.dns.set("net", [caa("issue", ";")]);
    let none = ordered(&servers, &client, &["www.example.net"]).await;
    none.refused(403, "caa");
    servers
        .dns
        .set("example.net", [caa("issue", "ca2.example; x=1")]);
    ordered(&servers, &client, &["www.example.net"]).await.ok();
    let address = Data::Address("127.0.0.2".parse().unwrap());
    servers
        .dns
        .set("www.example.net", [address, caa("issue", ";")]);
    let own = ordered(&servers, &client, &["www.example.net"]).await;
    own.refused(403, "caa");
    ordered(&servers, &client, &["mail.example.net"]).await.ok();
}

#[tokio::test]
async fn wildcards_accounts_and_challenges_are_told_apart() {
    let servers = asking().await;
    let (client, other) = (servers.world.client().await, servers.world.client().await);
    let account = format!(
        "ca.example; accounturi={}; validationmethods=http-01",
        client.kid
    );
    let records = [caa("issue", &account), caa("issuewild", ";")];
    servers.dns.set("example.net", records);
    ordered(&servers, &client, &["www.example.net"]).await.ok();
    for (client, name) in [(&client, "*.example.net"), (&other, "www.example.net")] {
        let refused = ordered(&servers, client, &[name]).await;
        refused.refused(403, "caa");
    }
    let by_dns = [caa("issue", "ca.example; validationmethods=dns-01")];
    servers.dns.set("example.net", by_dns);
    let refused = ordered(&servers, &client, &["www.example.net"]).await;
    refused.refused(403, "caa");
    ordered(&servers, &client, &["*.example.net"]).await.ok();
}

#[tokio::test]
async fn a_critical_property_that_nobody_knows_forbids() {
    let servers = asking().await;
    let client = servers.world.client().await;
    let unknown = Data::Caa(true, "tbs".to_owned(), "x".to_owned());
    servers
        .dns
        .set("example.net", [caa("issue", "ca.example"), unknown]);
    let refused = ordered(&servers, &client, &["www.example.net"]).await;
    let detail = refused.refused(403, "caa");
    assert!(detail.contains("critical property \"tbs\""), "{detail}");
}

#[tokio::test]
async fn without_an_answer_of_the_dns_nothing_is_issued_and_the_order_waits() {
    let servers = asking().await;
    let client = servers.world.client().await;
    servers.dns.fail("net", ResponseCode::ServFail);
    let names = ["www.example.net"];
    let order = servers.ready(&client, &names).await;
    let refused = finalize(&client, &order, &names).await;
    let detail = refused.refused(400, "dns");
    assert!(
        detail.contains("CAA") && detail.contains("still ready"),
        "{detail}"
    );
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
    assert!(servers.world.issued().await.is_empty());
    servers.dns.set("example.net", [caa("issue", "ca.example")]);
    finalize(&client, &order, &names).await.ok();
}

/// A CA that waits for the DNS no longer than this; each look-up is tried again after a quarter.
async fn patient_for(servers: &mut Servers, timeout: &str) {
    let timeout = format!("timeout = \"{timeout}\"");
    let edit = |settings: String| settings.replace("timeout = \"60s\"", &timeout);
    servers.world.restart(edit).await;
}

/// Finalizes a ready order, and goes on once the DNS was asked about it.
async fn begin(servers: &Servers, client: &Arc<Client>, order: &Ordered) -> JoinHandle<Answer> {
    let csr = server_csr(&SoftKey::generate(), None, &["www.example.net"]);
    let request = Finalize {
        csr: Some(base64url::encode(&csr)),
    };
    let (client, url) = (Arc::clone(client), order.order.finalize.clone());
    let answer = tokio::spawn(async move { client.post_json(&url, &request).await });
    until(async || asked(servers) > 0).await;
    answer
}

/// How often the DNS was asked for CAA records.
fn asked(servers: &Servers) -> usize {
    let asked = servers.dns.asked();
    let caa = asked.iter().filter(|(_, kind)| *kind == RecordType::CAA);
    caa.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_at_a_time_has_the_dns_asked() {
    let servers = asking().await;
    let client = Arc::new(servers.world.client().await);
    let names = ["www.example.net"];
    let order = servers.ready(&client, &names).await;
    servers.dns.silence("www.example.net");
    let first = begin(&servers, &client, &order).await;
    let second = finalize(&client, &order, &names).await;
    let detail = second.refused(403, "orderNotReady");
    assert!(detail.contains("processing"), "{detail}");
    assert!(!first.is_finished());
    assert_eq!(asked(&servers), 1);
    first.abort();
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_expires_while_the_dns_is_asked_gets_nothing() {
    let mut servers = asking().await;
    // Nobody else looks at orders.
    servers.world.options.upkeep = Duration::from_secs(3600);
    patient_for(&mut servers, "8s").await;
    let client = Arc::new(servers.world.client().await);
    let order = servers.ready(&client, &["www.example.net"]).await;
    servers.dns.silence("www.example.net");
    let answer = begin(&servers, &client, &order).await;
    let life = servers.world.ca.config().lifetimes.order.0;
    servers.world.advance(life);
    servers.dns.set("example.net", [caa("issue", "ca.example")]);
    servers.dns.speak("www.example.net");
    let refused = answer.await.unwrap();
    refused.refused(403, "orderNotReady");
    assert!(servers.world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_names_of_an_order_have_one_deadline() {
    let mut servers = asking().await;
    patient_for(&mut servers, "2s").await;
    let client = servers.world.client().await;
    // Three look-ups for each, which nothing else needs.
    let names: Vec<_> = (0..10).map(|n| format!("a.b.n{n}.example.net")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for name in &names {
        servers.dns.address_of(name, "127.0.0.2");
    }
    let order = servers.ready(&client, &names).await;
    servers.dns.slow_down(Duration::from_millis(300));
    let refused = finalize(&client, &order, &names).await;
    refused.refused(400, "dns");
    assert!(asked(&servers) < 30, "{} look-ups", asked(&servers));
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_does_not_wait_for_the_dns() {
    let mut servers = asking().await;
    servers.world.options.timeouts.drain = Duration::from_millis(50);
    servers.world.restart(|settings| settings).await;
    let client = Arc::new(servers.world.client().await);
    let order = servers.ready(&client, &["www.example.net"]).await;
    servers.dns.silence("www.example.net");
    let answer = begin(&servers, &client, &order).await;
    servers.world.stop().await;
    assert!(answer.await.is_err(), "its connection was dropped");
    // The look-up was tried once: the second try comes after fifteen seconds.
    assert_eq!(asked(&servers), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_though_the_dns_is_silent_and_goes_on_when_it_speaks() {
    let mut servers = asking().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &["www.example.net"]).await;
    let csr = server_csr(&SoftKey::generate(), None, &["www.example.net"]);
    servers.world.stop().await;
    servers.dns.silence("www.example.net");
    let id = order.url.rsplit('/').next().unwrap();
    let (store, now) = (servers.world.ca.store(), servers.world.now());
    store.begin(id, csr, now).await.unwrap();
    patient_for(&mut servers, "8s").await;
    // Who waited for it would have tried again.
    assert!(asked(&servers) <= 1);
    let client = client.over(servers.world.http());
    assert_eq!(order.status(&client).await, OrderStatus::Processing);
    servers.dns.speak("www.example.net");
    until(async || order.status(&client).await == OrderStatus::Valid).await;
    assert_eq!(servers.world.issued().await.len(), 1);
}

#[tokio::test]
async fn the_dns_is_not_asked_unless_a_profile_wants_it() {
    let directory = async |servers: &Servers| -> Directory {
        let url = format!("{}/directory", servers.world.base);
        let answer = servers.world.http().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    servers.dns.set("example.net", [caa("issue", ";")]);
    place(&client, &["www.example.net"]).await;
    ordered(&servers, &client, &["www.example.net"]).await.ok();
    let asked = servers.dns.asked();
    assert!(
        asked.iter().all(|(_, kind)| *kind != RecordType::CAA),
        "{asked:?}"
    );
    let meta = directory(&servers).await.meta.unwrap();
    assert!(meta.caa_identities.is_empty());

    let servers = asking().await;
    let meta = directory(&servers).await.meta.unwrap();
    assert_eq!(meta.caa_identities, ["ca.example", "ca2.example"]);
}
