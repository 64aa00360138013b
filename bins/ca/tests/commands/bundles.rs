//! Bundles: where they come from, and how each refusal ends.

use std::path::Path;

use crate::device::{Device, Facts, TestKey};
use crate::operator::Operator;

#[test]
fn a_bundle_that_is_refused_ends_with_the_right_code_and_every_reason() {
    let operator = Operator::new();
    let device = operator.init_with_device();
    operator.succeed(&["user", "add", "alice"]);
    let add = |user: &str, bundle: &Path, grant: &str| {
        let bundle = bundle.to_str().unwrap();
        operator.run(&[
            "key", "add", "--user", user, "--bundle", bundle, "--use", "login", "--grant", grant,
        ])
    };
    let key = TestKey::p256();
    let good = operator.bundle(&device, "alice", &key, &Facts::default());
    let unknown = operator.bundle(&Device::new(), "alice", &key, &Facts::default());
    let careless = Facts {
        pin_policy: 1,
        touch_policy: 1,
        ..Facts::default()
    };
    let careless = operator.bundle(&device, "alice", &key, &careless);
    let garbage = operator.home().join("garbage");
    std::fs::write(&garbage, "hello").unwrap();
    let endless = operator.home().join("endless");
    std::fs::write(&endless, vec![b' '; 1_000_000]).unwrap();
    let missing = operator.home().join("missing");
    for (user, bundle, grant, code) in [
        ("alice", &unknown, "tls=alice.example", 3),
        ("alice", &careless, "tls=alice.example", 3),
        ("alice", &good, "tls-disk=alice.example", 3),
        ("alice", &good, "vpn=alice.example", 4),
        ("carol", &good, "tls=alice.example", 4),
        ("alice", &garbage, "tls=alice.example", 7),
        ("alice", &endless, "tls=alice.example", 7),
        ("alice", &missing, "tls=alice.example", 7),
    ] {
        let output = add(user, bundle, grant);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{grant}: {said}");
        assert!(
            output.stdout.is_empty(),
            "nothing looks as if it were recorded"
        );
    }
    let said = String::from_utf8(add("alice", &careless, "tls=alice.example").stderr).unwrap();
    assert!(
        said.contains("2 reasons") && said.contains("PIN policy") && said.contains("touch policy"),
        "{said}"
    );
    assert_eq!(operator.json(&["key", "list"]), serde_json::json!([]));
    let log = operator.succeed(&["log", "--refusals"]);
    assert_eq!(
        log.matches("key.add").count(),
        7,
        "each refusal that was judged is on record:\n{log}"
    );
}

#[test]
fn a_bundle_can_come_from_standard_input() {
    let operator = Operator::new();
    let device = operator.init_with_device();
    operator.succeed(&["user", "add", "alice"]);
    let bundle = operator.bundle(&device, "alice", &TestKey::p256(), &Facts::default());
    let output = operator
        .command(&[
            "--json",
            "key",
            "add",
            "--user",
            "alice",
            "--bundle",
            "-",
            "--use",
            "login",
            "--grant",
            "ssh=alice",
        ])
        .stdin(std::fs::File::open(bundle).unwrap())
        .output()
        .unwrap();
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["id"], 1);
}
