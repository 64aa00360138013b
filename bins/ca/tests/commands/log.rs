//! The record of decisions.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::operator::Operator;

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
fn a_log_that_begins_with_nothing_goes_on_with_what_comes() {
    let operator = Operator::new();
    operator.init();
    let mut following = operator
        .command(&["--json", "log", "--follow", "--last", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let first = std::thread::spawn(move || lines.next().unwrap().unwrap());
    // When it began to follow nobody can see; so people are added until it tells of one.
    for number in 0.. {
        if first.is_finished() {
            break;
        }
        operator.succeed(&["user", "add", &format!("user{number}")]);
    }
    let first = first.join().unwrap();
    assert!(first.contains("user.add"), "{first}");
    following.kill().unwrap();
    following.wait().unwrap();
}
