//! What happens between the judgement of an order and its certificate: whoever takes the right
//! away in that moment comes first. A trigger of the database stands for the other process.

use acme_ca::audit::{Decision, OPERATOR, Outcome, SERVER};
use acme_ca::store::Orders;
use acme_ca::store::certificates::CertificateStatus;
use acme_ca::store::orders::{Ending, Swap};
use acme_wire::order::OrderStatus;

use crate::lifecycle::{id, ready};
use crate::world::World;

/// Runs `change` in the moment in which an order is taken, which is after it was judged.
fn when_taken(change: &str) -> String {
    format!(
        "CREATE TRIGGER meanwhile AFTER UPDATE OF status ON orders WHEN NEW.status = 'processing'
           BEGIN {change}; END;"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_or_retired_while_its_order_is_issued_gets_nothing() {
    for (state, outcome, reason) in [
        ("retired", Outcome::Refused, "retired on"),
        ("revoked", Outcome::Alarm, "revoked on"),
    ] {
        let world = World::new().await;
        let (mut card, key, _) = world.alice().await;
        let client = world.client().await;
        let placed = ready(&world, &mut card, &key, &client).await;
        world.trigger(&when_taken(&format!(
            "UPDATE keys SET state = '{state}', state_since = 1"
        )));
        let detail = client
            .finalize(&placed, None)
            .await
            .refused(403, "unauthorized");
        assert!(detail.contains(reason), "{detail}");
        assert_eq!(client.order(&placed).await.status, OrderStatus::Invalid);
        assert!(world.issued().await.is_empty(), "not even an intent");
        let audit = world.audit("order.finalize").await;
        assert_eq!((audit.len(), audit[0].outcome), (1, outcome), "{audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_disabled_while_an_order_is_issued_gets_nothing() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.trigger(&when_taken("UPDATE users SET disabled = 1"));
    let detail = client
        .finalize(&placed, None)
        .await
        .refused(403, "unauthorized");
    assert!(detail.contains("disabled"), "{detail}");
    assert!(world.issued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_not_let_out_when_its_order_ended_meanwhile() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    world.trigger(
        "CREATE TRIGGER meanwhile AFTER INSERT ON certificates
           BEGIN UPDATE orders SET status = 'invalid', open = 0 WHERE id = NEW.order_id; END;",
    );
    client
        .finalize(&placed, None)
        .await
        .refused(403, "orderNotReady");
    let order = client.order(&placed).await;
    assert_eq!(
        (order.status, order.certificate),
        (OrderStatus::Invalid, None)
    );
    let all = world.issued().await;
    assert!(
        all.iter()
            .all(|row| row.status != CertificateStatus::Issued)
    );
    assert!(all.iter().all(|row| row.body.is_none()));
    // The server's own certificate is all that was issued.
    let issued = world.audit("certificate.issue").await;
    assert!(
        issued.iter().all(|decision| decision.actor == SERVER),
        "{issued:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_no_order_that_another_request_took() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let placed = ready(&world, &mut card, &key, &client).await;
    let store = world.ca.store();
    let taken = store.begin(id(&placed), Vec::new(), world.now()).await;
    assert!(matches!(taken.unwrap(), Swap::Done(_)));
    let decision = Decision::new(Outcome::Refused, "test", OPERATOR, "order", world.now());
    let ending = Ending::Refused {
        problem: "{}".into(),
        decision,
    };
    let swap = store.end(id(&placed), OrderStatus::Ready, ending).await;
    assert!(matches!(swap.unwrap(), Swap::Late(_)));
    assert!(world.audit("test").await.is_empty(), "it decided nothing");
    assert_ne!(client.order(&placed).await.status, OrderStatus::Invalid);
}
