//! The two languages of the agent: OpenSSH's own tools, nonsense, another agent behind it.

use std::process::Command;

use e2e::agent::protocol::{EXTENSION_FAILURE, FAILURE, session_bind, string};
use e2e::site::Site;
use e2e::{process, programs};
use serde_json::json;

use crate::day::Day;

#[test]
fn ssh_add_lists_and_tests_certificate_and_key() {
    let day = Day::begin(41_000_003, &[]);
    let listed = process::text(&day.ssh_add(&["-l"]).stdout);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("(ECDSA-CERT)") && listed.contains("(ECDSA)"),
        "{listed}"
    );
    for file in ["ssh.pub", "ssh-cert.pub"] {
        let file = day.site.laptop().certificate(file);
        let output = day.ssh_add(&["-T", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", process::text(&output.stderr));
    }
    assert!(
        day.agent.log().contains("of no known kind"),
        "{}",
        day.agent.log()
    );
}

#[test]
fn messages_that_make_no_sense_are_refused_and_the_agent_goes_on() {
    let day = Day::begin(41_000_017, &[]);
    for bad in [
        &[13][..],
        &[13, 0xff, 0xff, 0xff, 0xff],
        &[27, 0, 0, 0, 9],
        &[11, 0],
        &[200],
        &[17, 1, 2, 3],
        &[18],
        &[20],
    ] {
        assert_eq!(day.agent.ssh_message(bad).unwrap(), FAILURE, "{bad:?}");
    }
    // Of no length, and longer than anything: it hangs up.
    assert!(day.agent.ssh_message(&[]).is_err());
    assert!(day.agent.ssh_message(&vec![11; 256 * 1024 + 1]).is_err());
    for bad in [json!({}), json!({"version": 9}), json!([])] {
        assert_eq!(
            day.agent.service(&bad).unwrap(),
            json!({"refused": "malformed"})
        );
    }
    let query = [&[27][..], &string(b"query")].concat();
    let answer = day.agent.ssh_message(&query).unwrap();
    assert_eq!(answer[0], 29);
    assert!(process::text(&answer).contains("session-bind@openssh.com"));
    // A session that no host signed is none.
    let bind = session_bind(&[1; 51], &[2; 32], &[3; 83], false);
    assert_eq!(day.agent.ssh_message(&bind).unwrap(), EXTENSION_FAILURE);
    day.enters();
}

#[test]
fn another_agent_gets_what_is_not_for_ours() {
    let site = Site::enrolled(41_000_018).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let socket = site.dir().join("other.sock");
    let mut other = Command::new(programs::system("ssh-agent").unwrap());
    other.arg("-D").arg("-a").arg(&socket);
    let mut other = process::Background::start(other, &site.dir().join("other.log")).unwrap();
    other
        .wait_for("the other agent", || socket.exists())
        .unwrap();
    let day = Day::with(site, &["--forward", socket.to_str().unwrap()]);
    let key = day.site.dir().join("id");
    let keygen = ["-q", "-t", "ed25519", "-N", "", "-f"];
    process::succeed(Command::new("ssh-keygen").args(keygen).arg(&key)).unwrap();
    let added = day.ssh_add(&[key.to_str().unwrap()]);
    assert!(added.status.success(), "{}", process::text(&added.stderr));
    let listed = process::text(&day.ssh_add(&["-l"]).stdout);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let public = format!("{}.pub", key.display());
    assert!(day.ssh_add(&["-T", &public]).status.success());
    assert_eq!(day.touches(|| day.enters()), 1);
}
