//! People, their keys, and their keys for accounts.

use crate::device::{Facts, TestKey};
use crate::operator::Operator;

#[test]
fn people_are_added_listed_and_disabled() {
    let operator = Operator::new();
    operator.init();
    operator.succeed(&["user", "add", "bob"]);
    operator.succeed(&["user", "add", "alice"]);
    let twice = operator.fail(3, &["user", "add", "alice"]);
    assert!(twice.contains("user alice already exists"), "{twice}");
    operator.fail(4, &["user", "disable", "carol"]);
    operator.succeed(&["user", "disable", "bob"]);
    let users = operator.json(&["user", "list"]);
    assert_eq!(users[0]["name"], "alice");
    assert!(users[0]["disabled"].is_null() && users[1]["disabled"].is_i64());
    let table = operator.succeed(&["user", "list"]);
    assert!(table.contains("disabled since 20"), "{table}");
}

#[test]
fn a_key_is_shown_before_it_is_recorded_and_lives_through_its_states() {
    let operator = Operator::new();
    let device = operator.init_with_device();
    operator.succeed(&["user", "add", "alice"]);
    let key = TestKey::p256();
    let bundle = operator.bundle(&device, "alice", &key, &Facts::default());
    let add = |more: &[&str]| {
        let fixed = [
            "key", "add", "--user", "alice", "--use", "login", "--bundle",
        ];
        let grants = ["--grant", "tls=alice.example", "--grant", "ssh=alice,root"];
        operator.run(&[&fixed[..], &[bundle.to_str().unwrap()], &grants, more].concat())
    };
    let dry = add(&["--dry-run"]);
    assert!(dry.status.success());
    assert_eq!(operator.json(&["key", "list"]), serde_json::json!([]));
    let said = String::from_utf8(add(&[]).stdout).unwrap();
    for fact in [
        "9681620",
        "9a",
        "5.4.3",
        "once",
        "always",
        "tls=alice.example",
        "ssh=alice,root",
        "Test Attestation Root",
        "EUCLEAK",
        "recorded as key 1",
    ] {
        assert!(said.contains(fact), "{fact:?} in\n{said}");
    }
    let again = add(&[]);
    assert_eq!(again.status.code(), Some(3));
    let shown = operator.json(&["key", "show", "1"]);
    assert_eq!(shown["user"], "alice");
    assert_eq!(shown["use"], "login");
    assert_eq!(shown["state"], "active");
    assert_eq!(shown["attested"]["slot"], "9a");
    assert_eq!(
        shown["grants"][0]["names"],
        serde_json::json!(["alice", "root"])
    );
    operator.succeed(&["key", "show", "1"]);
    operator.fail(4, &["key", "show", "2"]);
    operator.fail(4, &["key", "retire", "2"]);
    let retired = operator.succeed(&["key", "retire", "1"]);
    assert!(
        retired.contains("no certificate is valid any more"),
        "{retired}"
    );
    assert_eq!(operator.json(&["key", "show", "1"])["state"], "retired");
    operator.succeed(&["key", "revoke", "1"]);
    let stays = operator.fail(3, &["key", "retire", "1"]);
    assert!(stays.contains("stays so"), "{stays}");
    let list = operator.succeed(&["key", "list", "--user", "alice"]);
    assert!(list.contains("revoked 20"), "{list}");
}

#[test]
fn json_says_all_that_people_are_told_of_keys_and_users() {
    let operator = Operator::new();
    let device = operator.init_with_device();
    operator.succeed(&["user", "add", "alice"]);
    let bundle = operator.bundle(&device, "alice", &TestKey::p256(), &Facts::default());
    let added = operator.json(&[
        "key",
        "add",
        "--user",
        "alice",
        "--bundle",
        bundle.to_str().unwrap(),
        "--use",
        "login",
        "--grant",
        "tls=alice.example",
    ]);
    let told = &added["attestation"];
    assert!(told["root"].as_str().unwrap().contains("Test Attestation"));
    assert!(told["warnings"][0].as_str().unwrap().contains("EUCLEAK"));
    for command in [
        &["key", "retire", "1"][..],
        &["key", "revoke", "1"],
        &["user", "disable", "alice"],
    ] {
        let said = operator.json(command);
        assert_eq!(said["still_valid"]["certificates"], 0, "{said}");
        assert!(said["still_valid"]["until"].is_null());
    }
}

#[test]
fn a_key_for_an_account_is_shown_once_listed_and_revoked() {
    let operator = Operator::new();
    operator.init();
    operator.succeed(&["user", "add", "alice"]);
    let made = operator.json(&["user", "eab", "alice"]);
    let id = made["id"].as_str().unwrap();
    let secret = made["hmac_key"].as_str().unwrap();
    assert_eq!(secret.len(), 43, "256 bits in base64url");
    assert_eq!(made["user"], "alice");
    let said = operator.succeed(&["user", "eab", "alice", "--valid", "1h"]);
    assert!(said.contains("not shown again"), "{said}");
    let listed = operator.succeed(&["user", "eab-list"]);
    assert!(listed.contains(id) && !listed.contains(secret), "{listed}");
    assert!(!operator.succeed(&["log"]).contains(secret));
    operator.succeed(&["user", "eab-revoke", id]);
    let listed = operator.json(&["user", "eab-list", "alice"]);
    let keys = listed.as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter()
            .any(|key| key["id"] == id && key["revoked"].is_i64())
    );
    operator.fail(4, &["user", "eab-revoke", "nothing"]);
    operator.fail(4, &["user", "eab", "carol"]);
    operator.succeed(&["user", "disable", "alice"]);
    operator.fail(3, &["user", "eab", "alice"]);
}
