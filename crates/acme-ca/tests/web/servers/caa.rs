//! CAA (RFC 8659): what the DNS of a name says about who may issue for it.

use acme_wire::Directory;
use acme_wire::order::{Order, OrderStatus};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::{ALLOW, Ordered, Servers, place};
use crate::client::{Answer, Client};
use crate::csr::server_csr;
use crate::der::SoftKey;
use crate::dns_server::Data;

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
