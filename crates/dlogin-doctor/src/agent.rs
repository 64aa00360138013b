//! The agent, and whether ssh knows of it.

use std::fs;
use std::path::Path;

use dlogin_core::status::status;
use dlogin_core::{Kind, Paths};
use dlogin_service::{Client, Error};

use crate::Check;

pub(crate) fn check(paths: &Paths, home: &Path) -> Vec<Check> {
    let mut checks = vec![running(paths)];
    // Without a certificate for it, nobody wants ssh's configuration.
    let ssh = status(paths).is_ok_and(|status| {
        let mut held = status.certificates.iter();
        held.any(|held| held.certificate.kind == Kind::Ssh)
    });
    if ssh {
        checks.push(configured(home));
    }
    checks
}

fn running(paths: &Paths) -> Check {
    const ID: &str = "agent";
    let socket = paths.at(None).certificate_dir().join("service.sock");
    let there = fs::symlink_metadata(&socket).is_ok();
    match Client::connect(&socket).and_then(|mut client| client.list()) {
        Ok(identities) => Check::ok(
            ID,
            match identities.len() {
                1 => "the agent runs and offers 1 key".to_owned(),
                n => format!("the agent runs and offers {n} certificates"),
            },
        ),
        Err(Error::NoAgent { .. }) if there => Check::warning(
            ID,
            format!("an agent that is gone left its socket {}", socket.display()),
        )
        .todo("start it again, which replaces the socket: dlogin agent"),
        Err(Error::NoAgent { .. }) => Check::warning(
            ID,
            "no agent runs: ssh and browsers have nobody to sign for them",
        )
        .todo("dlogin agent"),
        Err(error) => Check::warning(ID, format!("the agent: {error}"))
            .todo("end it and start it again: dlogin agent"),
    }
}

fn configured(home: &Path) -> Check {
    const ID: &str = "ssh-config";
    let read = |name: &str| fs::read_to_string(home.join(".ssh").join(name)).unwrap_or_default();
    let config = read("config");
    let includes = config.lines().any(|line| {
        let mut words = line.split_whitespace();
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("include"))
            && words.any(|word| word.trim_matches('"').ends_with("dlogin.conf"))
    });
    let ours = |text: &str| text.contains("--if-needed") && text.contains("IdentityAgent");
    if (includes && ours(&read("dlogin.conf"))) || ours(&config) {
        Check::ok(ID, "ssh asks the agent")
    } else if includes {
        Check::warning(
            ID,
            "~/.ssh/config includes dlogin.conf, which says nothing of the agent",
        )
        .todo("dlogin ssh-config --write")
    } else {
        Check::warning(ID, "ssh does not know of the agent").todo("dlogin ssh-config --write")
    }
}
