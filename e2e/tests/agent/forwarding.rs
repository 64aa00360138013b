//! Hosts that the agent is forwarded to.

use std::path::Path;
use std::process::{Command, Output};

use e2e::agent::protocol::{Connection, EXTENSION_FAILURE, FAILURE, session_bind, sign_request};
use e2e::agent::ssh_config;
use e2e::process;
use e2e::site::USER;
use e2e::sshd::Sshd;

use crate::day::{Day, me};

fn fingerprint(key: &Path) -> String {
    let shown = process::succeed(Command::new("ssh-keygen").arg("-lf").arg(key)).unwrap();
    shown.split_whitespace().nth(1).unwrap().to_owned()
}

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
    let fingerprint = fingerprint(&day.sshd.place().host_key);
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

/// A host of this kind, and how `ssh -A` to it ends.
fn host_with_key(day: &Day, name: &str, keygen: &[&str], certified: bool) -> (Sshd, Output) {
    let dir = day.site.dir().join(name);
    std::fs::create_dir(&dir).unwrap();
    let ssh_keygen = |args: &[&str]| {
        process::succeed(Command::new("ssh-keygen").current_dir(&dir).args(args)).unwrap()
    };
    ssh_keygen(&[&["-q", "-N", "", "-f", "host_key"], keygen].concat());
    let host_ca = [
        &["-q", "-N", "", "-t", "ed25519", "-f", "ca"][..],
        &["-q", "-s", "ca", "-h", "-I", "host", "host_key.pub"],
    ];
    for args in host_ca.iter().filter(|_| certified) {
        ssh_keygen(args);
    }
    let cas = day.site.ca().succeed(&["ssh-ca"]).unwrap();
    let sshd = Sshd::start(&dir, &cas, USER).unwrap();
    if certified {
        let ca = std::fs::read_to_string(dir.join("ca.pub")).unwrap();
        std::fs::write(sshd.place().known_hosts, format!("@cert-authority * {ca}")).unwrap();
    }
    let config = ssh_config(day.site.laptop(), &sshd, name, &me()).unwrap();
    let mut ssh = day.program("ssh");
    ssh.arg("-F").arg(config).args(["-A", name, "ssh-add -l"]);
    let output = process::run(&mut ssh).unwrap();
    (sshd, output)
}

#[test]
fn a_host_is_checked_whatever_kind_of_key_it_has() {
    let day = Day::begin(45_000_031, &["--local-only"]);
    for (name, keygen, certified) in [
        ("p521", &["-t", "ecdsa", "-b", "521"][..], false),
        ("rsa1024", &["-t", "rsa", "-b", "1024"], false),
        ("certified", &["-t", "ed25519"], true),
    ] {
        let (sshd, listed) = host_with_key(&day, name, keygen, certified);
        let said = process::text(&listed.stdout);
        let why = format!("{}{}", process::text(&listed.stderr), day.agent.log());
        assert!(said.contains("no identities"), "{name}: {said}{why}");
        let expected = format!(
            "signed: SSH login as {} to host {} (asked by",
            me(),
            fingerprint(&sshd.place().host_key)
        );
        assert!(why.contains(&expected), "{name}: {why}");
    }
}

#[test]
fn a_forwarding_to_a_host_that_cannot_be_checked_is_still_one() {
    for (serial, args) in [(45_000_032, &["--local-only"][..]), (45_000_033, &[])] {
        let day = Day::begin(serial, args);
        let key = day.listed().remove(0);
        let mut ssh = Connection::to(&day.agent.ssh_socket()).unwrap();
        let bind = session_bind(&[1; 51], &[2; 32], &[3; 83], true);
        assert_eq!(ssh.exchange(&bind).unwrap(), EXTENSION_FAILURE);
        let answer = ssh.exchange(&sign_request(&key, b"anything")).unwrap();
        let asked = "asked from a host that could not be checked";
        if args.is_empty() {
            assert_eq!(answer.first(), Some(&14));
            let expected = format!("8 bytes of no known kind, {asked}");
            assert!(day.agent.log().contains(&expected), "{}", day.agent.log());
        } else {
            assert_eq!(answer, FAILURE);
            assert_eq!(ssh.exchange(&[11]).unwrap(), [12, 0, 0, 0, 0], "no key");
            assert!(process::within(process::PATIENCE, || {
                let expected = format!("{asked}, and --local-only refuses");
                day.agent.log().contains(&expected)
            }));
        }
    }
}
