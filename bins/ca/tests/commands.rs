//! The commands of `ca`, run as the operator runs them: what they print, what they refuse, and
//! how they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../../crates/acme-ca/tests/support/device.rs"]
mod device;
#[path = "support/operator.rs"]
mod operator;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use device::{Device, Facts, TestKey};
use operator::Operator;

#[test]
fn init_makes_a_private_folder_and_says_what_is_next() {
    let operator = Operator::new();
    let said = operator.init();
    assert!(said.contains(&operator.fingerprint()), "{said}");
    assert!(said.contains("user add"), "{said}");
    let mut folders = vec![operator.dir()];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_never_overwrites() {
    let operator = Operator::new();
    operator.init();
    let before = std::fs::read(operator.dir().join("pki/root.key")).unwrap();
    let again = operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    assert!(again.contains("never overwritten"), "{again}");
    // The remains of one are not overwritten either.
    std::fs::remove_file(operator.dir().join("ca.toml")).unwrap();
    operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    let after = std::fs::read(operator.dir().join("pki/root.key")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn init_takes_an_empty_folder_and_no_open_one_with_contents() {
    let operator = Operator::new();
    std::fs::create_dir(operator.dir()).unwrap();
    std::fs::set_permissions(operator.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(operator.dir().join("notes"), "").unwrap();
    let open = operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    assert!(open.contains("open to others"), "{open}");
    std::fs::remove_file(operator.dir().join("notes")).unwrap();
    operator.init();
    assert_eq!(mode(&operator.dir()), 0o700);
}

#[test]
fn init_that_cannot_work_leaves_nothing_behind() {
    let operator = Operator::new();
    for (url, listen) in [
        ("http://ca.example", None),
        ("https://ca.example/acme", None),
        ("https://ca.example", Some("everywhere")),
    ] {
        let mut arguments = vec!["init", "--url", url];
        arguments.extend(listen.iter().flat_map(|listen| ["--listen", listen]));
        operator.fail(2, &arguments);
        assert!(!operator.dir().join("pki").exists());
    }
}

#[test]
fn without_a_ca_every_command_says_how_to_make_one() {
    let operator = Operator::new();
    for command in [&["user", "list"][..], &["serve"], &["log"], &["root"]] {
        let said = operator.fail(4, command);
        assert!(said.contains("init --url"), "{said}");
    }
}

#[test]
fn arguments_that_make_no_sense_end_with_2() {
    let operator = Operator::new();
    operator.init();
    for command in [
        &[][..],
        &["frobnicate"],
        &["user", "add", "no spaces"],
        &["key", "show", "seven"],
        &[
            "key", "add", "--user", "alice", "--bundle", "x", "--use", "both", "--grant", "tls=a",
        ],
        &[
            "key", "add", "--user", "alice", "--bundle", "x", "--use", "login", "--grant", "tls",
        ],
        &[
            "key", "add", "--user", "alice", "--bundle", "x", "--use", "login",
        ],
    ] {
        operator.fail(2, command);
    }
    let help = operator.succeed(&["--help"]);
    assert!(
        help.contains("Exit codes:") && help.contains("  7  an input"),
        "{help}"
    );
}

#[test]
fn a_setting_that_is_wrong_is_told_with_its_line() {
    let operator = Operator::new();
    operator.init();
    let path = operator.dir().join("ca.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text[..text.find("preset = ").unwrap()]
        .matches('\n')
        .count()
        + 1;
    std::fs::write(
        &path,
        text.replace("preset = \"default\"", "preset = \"lax\""),
    )
    .unwrap();
    let said = operator.fail(2, &["user", "list"]);
    assert!(said.contains(&format!("ca.toml:{line}:")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let operator = Operator::new();
    operator.init();
    let key = operator.dir().join("pki/clients.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = operator.fail(2, &["user", "list"]);
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn root_and_ssh_ca_are_what_others_can_use() {
    let operator = Operator::new();
    operator.init();
    let root = operator.home().join("root.pem");
    std::fs::write(&root, operator.succeed(&["root"])).unwrap();
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&root)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout)
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert!(shown.contains(&operator.fingerprint()), "{shown}");
    // Without the root's private key nothing changes for anybody.
    std::fs::remove_file(operator.dir().join("pki/root.key")).unwrap();
    let lines = operator.succeed(&["ssh-ca"]);
    assert_eq!(
        lines.lines().count(),
        2,
        "several CAs, so that a site never depends on one"
    );
    let file = operator.home().join("ssh-ca.pub");
    std::fs::write(&file, &lines).unwrap();
    let listed = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&file)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let json = operator.json(&["ssh-ca"]);
    for authority in json.as_array().unwrap() {
        assert!(
            listed.contains(authority["fingerprint"].as_str().unwrap()),
            "{listed}"
        );
    }
}

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
fn lists_for_relying_parties_are_printed_and_written_in_one_step() {
    let operator = Operator::new();
    operator.init();
    let all = operator.succeed(&["crl"]);
    assert_eq!(all.matches("-----BEGIN X509 CRL-----").count(), 3);
    for name in ["clients", "servers", "root"] {
        let one = operator.succeed(&["crl", name]);
        assert!(all.contains(one.trim()), "{name}");
    }
    let out = operator.home().join("lists");
    std::fs::create_dir(&out).unwrap();
    let (crl, krl) = (out.join("crl.pem"), out.join("krl"));
    for _ in 0..2 {
        operator.succeed(&["crl", "--out", crl.to_str().unwrap()]);
        operator.succeed(&["krl", "--out", krl.to_str().unwrap()]);
    }
    assert_eq!(std::fs::read_to_string(&crl).unwrap(), all);
    assert_eq!(mode(&krl), 0o644, "sshd and web servers read them");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
    let shown = Command::new("ssh-keygen")
        .args(["-Q", "-l", "-f"])
        .arg(&krl)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("KRL version 1"), "{shown}");
    let piped = operator.run(&["krl", "--out", "-"]);
    assert_eq!(piped.stdout, std::fs::read(&krl).unwrap());
    let said = operator.fail(1, &["krl", "--out", "/nowhere/krl"]);
    assert!(said.contains("/nowhere/krl"), "{said}");
    operator.fail(2, &["krl"]);
}

#[test]
fn an_intermediate_is_revoked_by_the_root_while_its_key_is_there() {
    let operator = Operator::new();
    operator.init();
    let clients = operator.dir().join("pki/clients.pem");
    let clients = clients.to_str().unwrap();
    for number in [2, 3] {
        let said = operator.json(&["root-crl", "--revoke", clients]);
        assert_eq!(said["number"], number);
        assert_eq!(said["revoked"], 1, "once");
    }
    let said = operator.json(&["root-crl"]);
    assert_eq!(said["revoked"], 1, "it stays revoked");
    let root = operator.home().join("root.pem");
    std::fs::write(&root, operator.succeed(&["root"])).unwrap();
    let crls = operator.home().join("crls.pem");
    operator.succeed(&["crl", "--out", crls.to_str().unwrap()]);
    let verify = |name: &str| {
        let output = Command::new("openssl")
            .args(["verify", "-crl_check_all", "-CAfile"])
            .arg(&root)
            .arg("-CRLfile")
            .arg(&crls)
            .arg(operator.dir().join(format!("pki/{name}.pem")))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout)
    };
    assert!(verify("clients").contains("certificate revoked"));
    assert!(verify("servers").contains("OK"), "{}", verify("servers"));
    let foreign = operator.fail(
        7,
        &[
            "root-crl",
            "--revoke",
            root.to_str()
                .unwrap()
                .replace("root.pem", "crls.pem")
                .as_str(),
        ],
    );
    assert!(foreign.contains("crls.pem"), "{foreign}");
    std::fs::remove_file(operator.dir().join("pki/root.key")).unwrap();
    operator.fail(4, &["root-crl"]);
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

#[test]
fn a_certificate_that_is_not_there_cannot_be_revoked() {
    let operator = Operator::new();
    operator.init();
    operator.fail(4, &["cert", "revoke", "abc"]);
    let said = operator.fail(2, &["cert", "revoke", "abc", "--reason", "whim"]);
    assert!(said.contains("key-compromise"), "{said}");
}

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

#[test]
fn the_log_tells_every_decision_and_can_be_filtered() {
    let operator = Operator::new();
    operator.init();
    operator.succeed(&["user", "add", "alice"]);
    operator.succeed(&["user", "add", "bob"]);
    let log = operator.run(&["--json", "log"]);
    let actions: Vec<String> = String::from_utf8(log.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|decision| format!("{} {}", decision["action"], decision["subject"]))
        .collect();
    assert_eq!(
        actions,
        [
            "\"ca.init\" \"ca\"",
            "\"user.add\" \"user alice\"",
            "\"user.add\" \"user bob\""
        ]
    );
    assert_eq!(operator.succeed(&["log", "--last", "1"]).lines().count(), 1);
    assert!(
        operator
            .succeed(&["log", "--about", "alice"])
            .contains("user alice")
    );
    assert_eq!(operator.succeed(&["log", "--refusals"]), "");
}

#[test]
fn the_log_can_be_followed() {
    let operator = Operator::new();
    operator.init();
    let mut following = operator
        .command(&["--json", "log", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("ca.init"));
    operator.succeed(&["user", "add", "alice"]);
    assert!(lines.next().unwrap().unwrap().contains("user alice"));
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn arguments_that_make_no_sense_are_told_as_json() {
    let operator = Operator::new();
    let output = operator.run(&["--json", "key", "show", "seven"]);
    assert_eq!(output.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit"], 2);
    assert!(
        error["error"].as_str().unwrap().contains("seven"),
        "{error}"
    );
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
fn a_server_whose_port_is_taken_says_what_to_do() {
    let operator = Operator::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = format!("https://{address}");
    operator.succeed(&["init", "--url", &url, "--listen", &address]);
    let said = operator.fail(4, &["serve"]);
    assert!(
        said.contains(&address) && said.contains("`listen`"),
        "{said}"
    );
}

#[test]
fn a_clock_that_is_wrong_has_its_exit_code() {
    let operator = Operator::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", taken.local_addr().unwrap());
    operator.succeed(&["init", "--url", &url]);
    drop(taken);
    let output = Command::new("faketime")
        .arg("2001-01-01 00:00:00")
        .arg(env!("CARGO_BIN_EXE_ca"))
        .arg("--dir")
        .arg(operator.dir())
        .arg("serve")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("the clock is wrong"), "{said}");
}

#[test]
fn an_error_as_json_has_its_exit_code() {
    let operator = Operator::new();
    operator.init();
    let output = operator.run(&["--json", "key", "show", "9"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit"], 4);
    assert_eq!(error["error"], "there is no key 9");
}
