//! Hosts that the agent is forwarded to.

use std::process::Command;

use e2e::process;

use crate::day::Day;

#[test]
fn a_host_that_the_agent_is_forwarded_to_is_named() {
    let day = Day::begin(41_000_025, &[]);
    let key = day.site.laptop().certificate("ssh.pub");
    let test = format!("ssh-add -T {}", key.display());
    let output = day.ssh(&["-A", "host", &test]);
    assert!(
        output.status.success(),
        "{}{}",
        process::text(&output.stderr),
        day.agent.log()
    );
    let host_key = day.sshd.place().host_key;
    let shown = process::succeed(Command::new("ssh-keygen").arg("-lf").arg(host_key)).unwrap();
    let fingerprint = shown.split_whitespace().nth(1).unwrap();
    let expected = format!("of no known kind, asked from host {fingerprint}");
    assert!(day.agent.log().contains(&expected), "{}", day.agent.log());
}

#[test]
fn an_agent_for_this_machine_alone_refuses_what_is_asked_from_elsewhere() {
    let day = Day::begin(45_000_007, &["--local-only"]);
    let key = day.site.laptop().certificate("ssh.pub");
    let listed = day.ssh(&["-A", "host", "ssh-add -l"]);
    let said = process::text(&listed.stdout);
    assert!(said.contains("no identities"), "{said}");
    let touches = day.site.touches();
    let test = format!("ssh-add -T {}", key.display());
    let tested = day.ssh(&["-A", "host", &test]);
    assert!(!tested.status.success());
    assert_eq!(
        day.site.touches() - touches,
        1,
        "the way there, and no more"
    );
    let log = day.agent.log();
    assert!(
        log.contains("not signed") && log.contains("--local-only"),
        "{log}"
    );
}
