//! What `ca` does not begin: no folder, bad arguments, bad settings, open keys, a taken port, a wrong clock; and the exit code of each.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::operator::Operator;

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
fn an_error_as_json_has_its_exit_code() {
    let operator = Operator::new();
    operator.init();
    let output = operator.run(&["--json", "key", "show", "9"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit"], 4);
    assert_eq!(error["error"], "there is no key 9");
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
