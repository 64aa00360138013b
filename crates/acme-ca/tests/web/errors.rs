//! The error types of RFC 8555 §6.7 and of what extends it: each has a test that gets it from the
//! server, by the name in [`ROWS`].

use acme_wire::problem::ProblemType;
use serde_json::json;

use crate::revoke::{issue_serial, leaf, revoke};
use crate::world::World;

/// A type, the file below `tests/web`, and the test there that produces it.
const ROWS: &[(&str, &str, &str)] = &[
    // RFC 8555 §6.7
    (
        "accountDoesNotExist",
        "accounts.rs",
        "a_key_has_one_account",
    ),
    (
        "alreadyRevoked",
        "revoke.rs",
        "the_account_that_ordered_it_revokes_a_certificate_once",
    ),
    (
        "badCSR",
        "device_attest.rs",
        "the_key_in_the_csr_is_the_attested_one_and_a_csr_is_needed",
    ),
    ("badNonce", "jws.rs", "every_malformed_jws_is_refused"),
    ("badPublicKey", "jws.rs", "every_malformed_jws_is_refused"),
    (
        "badRevocationReason",
        "revoke.rs",
        "only_reasons_that_make_sense_are_taken",
    ),
    (
        "badSignatureAlgorithm",
        "jws.rs",
        "every_malformed_jws_is_refused",
    ),
    (
        "caa",
        "servers/caa.rs",
        "records_that_name_another_ca_forbid",
    ),
    (
        "compound",
        "servers/ordered.rs",
        "every_name_that_is_none_is_told",
    ),
    (
        "connection",
        "servers/unreachable.rs",
        "an_address_that_nobody_connects_to",
    ),
    (
        "dns",
        "servers/unreachable.rs",
        "a_name_that_does_not_exist",
    ),
    (
        "externalAccountRequired",
        "external.rs",
        "an_account_is_bound_by_a_key_that_is_good_once",
    ),
    (
        "incorrectResponse",
        "servers/unreachable.rs",
        "a_file_that_says_something_else",
    ),
    (
        "invalidContact",
        "accounts.rs",
        "contacts_are_checked_and_replaced",
    ),
    (
        "malformed",
        "revoke.rs",
        "only_reasons_that_make_sense_are_taken",
    ),
    (
        "orderNotReady",
        "accounts.rs",
        "a_deactivated_authorization_takes_its_order_along",
    ),
    (
        "rateLimited",
        "servers/limited.rs",
        "an_order_has_so_many_identifiers",
    ),
    (
        "rejectedIdentifier",
        "servers/finalized.rs",
        "a_name_enrolled_meanwhile_is_reserved_at_finalize",
    ),
    (
        "serverInternal",
        "errors.rs",
        "a_store_that_is_broken_is_server_internal_and_tells_strangers_nothing",
    ),
    (
        "tls",
        "servers/unreachable.rs",
        "a_server_that_speaks_no_tls",
    ),
    (
        "unauthorized",
        "revoke.rs",
        "another_account_revokes_only_what_it_is_authorized_for",
    ),
    (
        "unsupportedContact",
        "accounts.rs",
        "contacts_are_checked_and_replaced",
    ),
    (
        "unsupportedIdentifier",
        "orders.rs",
        "identifiers_that_cannot_be",
    ),
    (
        "userActionRequired",
        "external.rs",
        "terms_are_agreed_to_and_agreed_to_anew_when_they_change",
    ),
    // RFC 9773 §7.4
    (
        "alreadyReplaced",
        "replaces.rs",
        "an_order_says_what_it_replaces_and_no_other_replaces_it_again",
    ),
    // draft-ietf-acme-device-attest
    (
        "badAttestationStatement",
        "device_attest.rs",
        "statements_that_do_not_verify_are_refused",
    ),
    // draft-ietf-acme-profiles
    (
        "invalidProfile",
        "orders.rs",
        "a_profile_is_required_and_must_exist",
    ),
];

/// The source of a test, with its attribute.
fn source(file: &str, test: &str) -> String {
    let path = format!("{}/tests/web/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let function = format!("\nasync fn {test}() {{\n");
    let (before, after) = text
        .split_once(&function)
        .unwrap_or_else(|| panic!("{file} has no test {test}"));
    let attribute = before.lines().next_back().unwrap();
    assert!(
        attribute.starts_with("#[tokio::test"),
        "{file}: {test}: {attribute}"
    );
    after.split("\n}\n").next().unwrap().to_owned()
}

#[test]
fn every_error_type_is_produced_by_a_named_test() {
    for (kind, file, test) in ROWS {
        let source = source(file, test);
        assert!(
            source.contains(&format!("\"{kind}\"")),
            "{test} says nothing of {kind}"
        );
    }
    let mut listed: Vec<&str> = ROWS.iter().map(|(kind, ..)| *kind).collect();
    let mut all: Vec<&str> = ProblemType::ALL.iter().map(ProblemType::name).collect();
    listed.sort_unstable();
    all.sort_unstable();
    assert_eq!(
        listed, all,
        "each type that the CA knows is listed once, and no other"
    );
}

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
