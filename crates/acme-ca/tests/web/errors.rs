//! The error types of accounts and revocation (RFC 8555 §6.7), each from one request.

use serde_json::json;

use crate::revoke::{issue_serial, leaf, revoke};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_broken_is_server_internal_and_tells_strangers_nothing() {
    let world = World::new().await;
    let (mut card, key, _) = world.alice().await;
    let client = world.client().await;
    let tls = leaf(&issue_serial(&client, &mut card, &key, "tls").await);
    world.trigger(
        "CREATE TRIGGER broken BEFORE UPDATE OF status ON certificates BEGIN
           SELECT RAISE(ABORT, 'the disk is on fire'); END;",
    );
    let detail = revoke(&client, &tls, None)
        .await
        .refused(500, "serverInternal");
    assert!(!detail.contains("fire"), "{detail}");
    let url = client.directory.revoke_cert.clone().unwrap();
    client
        .post_json(&url, &json!({}))
        .await
        .refused(400, "malformed");
}
