//! A day with `dlogin agent`: real ssh, scp, git and ssh-add against a real
//! sshd, the key in the (virtual) YubiKey, touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use e2e::agent::{Agent, ssh_config};
use e2e::site::{PIN, Site, USER};
use e2e::sshd::Sshd;
use e2e::{process, programs};
use serde_json::{Value, json};
use virtual_yubikey::TouchMode;

const FAILURE: [u8; 1] = [5];

fn me() -> String {
    let name = process::succeed(Command::new("id").arg("-un")).unwrap();
    name.trim().to_owned()
}

/// A person with a certificate, an agent, and a host to go to.
struct Day {
    // Dropped in this order.
    agent: Agent,
    sshd: Sshd,
    config: PathBuf,
    site: Site,
}

impl Day {
    fn begin(serial: u32, agent: &[&str]) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&["ssh"]).unwrap();
        Self::with(site, agent)
    }

    fn with(site: Site, agent: &[&str]) -> Self {
        let sshd = site.sshd(USER).unwrap();
        let agent = Agent::start(site.laptop(), agent).unwrap();
        let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
        Self {
            agent,
            sshd,
            config,
            site,
        }
    }

    /// `PROGRAM -F CONFIG`, as the person would run it.
    fn program(&self, name: &str) -> Command {
        let program = programs::system(name).unwrap();
        let mut command = self.site.laptop().command(&program);
        command.arg("-F").arg(&self.config);
        command
    }

    fn ssh(&self, args: &[&str]) -> Output {
        process::run(self.program("ssh").args(args)).unwrap()
    }

    #[track_caller]
    fn enters(&self) {
        let output = self.ssh(&["host", "echo entered"]);
        assert_eq!(
            process::text(&output.stdout),
            "entered\n",
            "{}\n{}\n{}",
            process::text(&output.stderr),
            self.agent.log(),
            self.sshd.log()
        );
    }

    #[track_caller]
    fn does_not_enter(&self) {
        let output = self.ssh(&["host", "echo entered"]);
        assert_eq!(output.status.code(), Some(255));
        assert_eq!(process::text(&output.stdout), "");
    }

    /// How many touches `work` costs.
    fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }

    fn ssh_add(&self, args: &[&str]) -> Output {
        let mut command = self.agent.ssh_add(self.site.laptop(), args).unwrap();
        process::run(&mut command).unwrap()
    }

    /// The keys that the agent lists, in SSH's wire format.
    fn listed(&self) -> Vec<Vec<u8>> {
        let answer = self.agent.ssh_message(&[11]).unwrap();
        assert_eq!(answer[0], 12);
        let mut rest = &answer[5..];
        let mut keys = Vec::new();
        while !rest.is_empty() {
            keys.push(take(&mut rest));
            take(&mut rest);
        }
        keys
    }

    fn identities(&self) -> Vec<Value> {
        let answer = self
            .agent
            .service(&json!({"version": 1, "request": "list"}))
            .unwrap();
        answer["identities"].as_array().unwrap().clone()
    }

    fn sign(&self, key: &Value, input: &Value, patience_ms: u64) -> Value {
        self.agent
            .service(&json!({"version": 1, "request": {"sign": {
                "key": key, "algorithm": "ecdsa-p256-sha256", "input": input,
                "purpose": "TLS", "peer": "intranet", "patience_ms": patience_ms,
            }}}))
            .unwrap()
    }

    fn pin_tries_left(&self) -> String {
        let tool = programs::system("yubico-piv-tool").unwrap();
        let mut tool = self.site.laptop().command(&tool);
        let status = process::succeed(tool.args(["-a", "status"])).unwrap();
        let line = status.lines().find(|l| l.contains("PIN tries left"));
        line.unwrap().split_whitespace().last().unwrap().to_owned()
    }
}

fn take(rest: &mut &[u8]) -> Vec<u8> {
    let (length, after) = rest.split_first_chunk::<4>().unwrap();
    let (string, after) = after.split_at(u32::from_be_bytes(*length) as usize);
    *rest = after;
    string.to_vec()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn sign_request(key: &[u8], data: &[u8]) -> Vec<u8> {
    [&[13][..], &string(key), &string(data), &[0; 4]].concat()
}

/// What a command line makes of its input.
fn piped(command: &str, input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}");
    output.stdout
}

#[test]
fn ssh_scp_git_and_a_jump_cost_one_touch_for_each_login() {
    let day = Day::begin(41_000_001, &[]);
    assert_eq!(day.touches(|| day.enters()), 1);

    let (from, to) = (day.site.dir().join("from"), day.site.dir().join("to"));
    std::fs::write(&from, "carried").unwrap();
    let touches = day.touches(|| {
        let mut scp = day.program("scp");
        scp.arg(&from).arg(format!("host:{}", to.display()));
        process::succeed(&mut scp).unwrap();
    });
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "carried");
    assert_eq!(touches, 1);

    let work = day.site.dir().join("work");
    let far = day.site.dir().join("far.git");
    let git = |args: &[&str], inside: Option<&Path>| {
        let mut git = day.site.laptop().command(&programs::system("git").unwrap());
        git.env(
            "GIT_SSH_COMMAND",
            format!("ssh -F {}", day.config.display()),
        )
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=main",
        ]);
        if let Some(folder) = inside {
            git.arg("-C").arg(folder);
        }
        process::succeed(git.args(args)).unwrap()
    };
    git(&["init", "-q", "--bare", far.to_str().unwrap()], None);
    git(&["init", "-q", work.to_str().unwrap()], None);
    git(
        &["commit", "-q", "--allow-empty", "-m", "first"],
        Some(&work),
    );
    let url = format!("ssh://host{}", far.display());
    assert_eq!(
        day.touches(|| {
            git(&["push", "-q", &url, "HEAD:main"], Some(&work));
        }),
        1
    );
    assert!(git(&["log", "--oneline", "main"], Some(&far)).contains("first"));

    let touches = day.touches(|| {
        let output = day.ssh(&["-J", "host", "host", "echo twice"]);
        assert_eq!(process::text(&output.stdout), "twice\n");
    });
    assert_eq!(touches, 2, "one for each host on the way");
}

#[test]
fn the_person_is_told_what_is_signed_and_for_which_host() {
    let day = Day::begin(41_000_002, &[]);
    day.enters();
    let host_key = process::succeed(
        Command::new("ssh-keygen")
            .arg("-lf")
            .arg(day.sshd.place().host_key),
    )
    .unwrap();
    let fingerprint = host_key.split_whitespace().nth(1).unwrap();
    let log = day.agent.log();
    let expected = format!(
        "Touch the YubiKey now: SSH login as {} to host {fingerprint} (asked by ssh)",
        me()
    );
    assert!(log.contains(&expected), "{expected}\n{log}");
    assert!(!log.contains(PIN), "{log}");
}

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
fn a_certificate_that_is_not_there_is_fetched_before_the_connection() {
    let site = Site::enrolled(41_000_004).unwrap();
    let day = Day::with(site, &[]);
    assert_eq!(
        day.touches(|| day.enters()),
        2,
        "one to renew, one to enter"
    );
    assert_eq!(day.touches(|| day.enters()), 1, "it lives");
    // Two at once cost one renewal.
    day.site.laptop().succeed(&["logout"]).unwrap();
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| day.enters());
            }
        });
    });
    assert_eq!(touches, 3);
}

#[test]
fn if_needed_asks_neither_ca_nor_key_while_all_lives() {
    let mut site = Site::enrolled(41_000_005).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let before = site.touches();
    site.ca_mut().stop().unwrap();
    for args in [&["--if-needed"][..], &["--if-needed", "ssh"]] {
        assert_eq!(site.laptop().succeed(args).unwrap(), "");
    }
    assert_eq!(site.touches(), before);
}

#[test]
fn where_nobody_can_be_asked_batch_mode_fails_at_once_and_says_why() {
    let site = Site::enrolled(41_000_006).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env_remove("DLOGIN_ASKPASS");
    let agent = Agent::start_as(site.laptop(), agent).unwrap();
    let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
    let before = site.touches();
    let batch = || {
        // Without a terminal of its own.
        let mut ssh = site.laptop().command(&programs::system("setsid").unwrap());
        ssh.args(["-w", "ssh", "-F"])
            .arg(&config)
            .args(["-o", "BatchMode=yes", "host", "true"])
            .env_remove("DLOGIN_ASKPASS");
        let begin = Instant::now();
        let output = process::run(&mut ssh).unwrap();
        assert_eq!(output.status.code(), Some(255));
        assert!(begin.elapsed() < Duration::from_secs(15));
        process::text(&output.stderr)
    };
    let stderr = batch();
    assert!(stderr.contains("nobody to ask for the PIN"), "{stderr}");
    assert!(stderr.contains("Permission denied (publickey)"), "{stderr}");
    // With a certificate it is the agent that cannot ask.
    site.laptop().succeed(&["ssh"]).unwrap();
    let touched = site.touches();
    let stderr = batch();
    assert!(stderr.contains("Permission denied (publickey)"), "{stderr}");
    assert!(
        agent.log().contains("nobody to ask for the PIN"),
        "{}",
        agent.log()
    );
    assert_eq!(site.touches(), touched);
    assert_eq!(touched - before, 1, "the login");
}

#[test]
fn a_locked_agent_has_no_keys_until_it_is_unlocked() {
    let day = Day::begin(41_000_007, &["--pin-cache", "1h"]);
    day.enters();
    assert!(day.ssh_add(&["-x"]).status.success());
    assert!(process::text(&day.ssh_add(&["-l"]).stdout).contains("no identities"));
    let refused = day
        .agent
        .service(&json!({"version": 1, "request": "list"}))
        .unwrap();
    assert_eq!(refused, json!({"refused": "locked"}));
    assert_eq!(day.touches(|| day.does_not_enter()), 0);
    assert!(day.ssh_add(&["-X"]).status.success());
    let asked = day.site.laptop().pin_prompts().len();
    day.enters();
    assert_eq!(
        day.site.laptop().pin_prompts().len() - asked,
        1,
        "locking forgets the PIN"
    );
}

#[test]
fn a_pin_is_asked_for_once_while_it_is_kept_and_each_time_otherwise() {
    for (serial, args, expected) in [
        (41_000_008, &["--pin-cache", "1h"][..], 1),
        (41_000_009, &[], 2),
    ] {
        let day = Day::begin(serial, args);
        let asked = day.site.laptop().pin_prompts().len();
        day.enters();
        day.enters();
        let asked = day.site.laptop().pin_prompts().len() - asked;
        assert_eq!(asked, expected, "{args:?}");
    }
}

#[test]
fn a_wrong_pin_is_sent_once_however_often_it_is_given() {
    let mut site = Site::enrolled(41_000_010).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    site.laptop_mut().set_pin("111111");
    let day = Day::with(site, &["--pin-cache", "1h"]);
    for _ in 0..3 {
        day.does_not_enter();
    }
    assert!(day.agent.log().contains("wrong PIN"), "{}", day.agent.log());
    // The card is free for others whenever nothing is signed.
    assert_eq!(day.pin_tries_left(), "2");
}

#[test]
fn it_survives_unplug_and_replug_and_says_what_is_missing() {
    let day = Day::begin(41_000_011, &["--pin-cache", "1h"]);
    day.enters();
    let control = day.site.rig().control().unwrap();
    control.unplug().unwrap();
    day.does_not_enter();
    assert!(
        day.agent.log().contains("no YubiKey is plugged in"),
        "{}",
        day.agent.log()
    );
    control.replug().unwrap();
    assert!(process::within(process::PATIENCE, || {
        day.ssh(&["host", "true"]).status.success()
    }));
}

#[test]
fn without_a_touch_nothing_is_signed_and_the_agent_goes_on() {
    let day = Day::begin(41_000_012, &[]);
    day.site.rig().touch().set_mode(TouchMode::Deny);
    day.does_not_enter();
    assert!(
        day.agent.log().contains("not touched in time"),
        "{}",
        day.agent.log()
    );
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters();
}

#[test]
fn what_would_answer_a_ca_is_not_signed() {
    let day = Day::begin(41_000_013, &[]);
    let identities = day.identities();
    let key = &identities[0]["key"];
    let touches = day.touches(|| {
        for magic in [
            "ACME-YUBIKEY-01\0",
            "ACME-YUBIKEY-02\0",
            "ACME-YUBIKEY-EN\0",
        ] {
            let message = [magic.as_bytes(), &[7; 112]].concat();
            for key in day.listed() {
                let answer = day.agent.ssh_message(&sign_request(&key, &message));
                assert_eq!(answer.unwrap(), FAILURE, "{magic}");
            }
            let encoded = piped("basenc --base64url -w0 | tr -d =", &message);
            let input = json!({"message": process::text(&encoded)});
            assert_eq!(
                day.sign(key, &input, 5_000),
                json!({"refused": "forbidden"}),
                "{magic}"
            );
        }
    });
    assert_eq!(touches, 0);
}

#[test]
fn the_proof_key_is_neither_listed_nor_used() {
    let site = Site::enrolled(41_000_014).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let day = Day::with(site, &[]);
    let tool = programs::system("yubico-piv-tool").unwrap();
    let mut tool = day.site.laptop().command(&tool);
    let attestation = process::succeed(tool.args(["-a", "attest", "-s", "82"])).unwrap();
    let spki = piped(
        "openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER",
        attestation.as_bytes(),
    );
    let proof = piped(
        "f=$(mktemp) && openssl pkey -pubin -inform DER -out $f && \
         ssh-keygen -i -m PKCS8 -f $f | cut -d' ' -f2 | base64 -d; rm $f",
        &spki,
    );
    assert!(!day.listed().contains(&proof));
    let id = piped(
        "openssl dgst -sha256 -binary | basenc --base64url -w0 | tr -d =",
        &spki,
    );
    let id = Value::String(process::text(&id));
    assert!(
        day.identities()
            .iter()
            .all(|identity| identity["key"] != id)
    );
    let digest = json!({"digest": "A".repeat(43)});
    let touches = day.touches(|| {
        let answer = day.agent.ssh_message(&sign_request(&proof, b"anything"));
        assert_eq!(answer.unwrap(), FAILURE);
        assert_eq!(
            day.sign(&id, &digest, 5_000),
            json!({"refused": "unknown_key"})
        );
    });
    assert_eq!(touches, 0);
    // The login key does sign a digest, and says that nobody sees of what.
    let tls = day.identities();
    let tls = tls.iter().find(|i| i["profile"] == "tls").unwrap();
    let answer = day.sign(&tls["key"], &digest, 20_000);
    assert!(answer["signature"].is_string(), "{answer}");
    assert!(
        day.agent
            .log()
            .contains("TLS to intranet: a digest, whose content cannot be seen"),
        "{}",
        day.agent.log()
    );
    // A key on disk is named, and read by whoever wants it.
    let all = day.identities();
    let disk = all.iter().find(|i| i["profile"] == "tls-disk").unwrap();
    assert!(
        disk["place"]["disk"]
            .as_str()
            .unwrap()
            .ends_with("tls-disk.key")
    );
    assert_eq!(
        day.sign(&disk["key"], &digest, 5_000),
        json!({"refused": "on_disk"})
    );
}

#[test]
fn two_hundred_threads_sign_one_after_the_other_each_with_its_touch() {
    let day = Day::begin(41_000_015, &["--pin-cache", "1h"]);
    let identities = day.identities();
    let key = &identities[0]["key"];
    let digest = json!({"digest": "A".repeat(43)});
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..200)
                .map(|_| scope.spawn(|| day.sign(key, &digest, 60_000)))
                .collect();
            for thread in threads {
                let answer = thread.join().unwrap();
                assert!(answer["signature"].is_string(), "{answer}");
            }
        });
    });
    assert_eq!(touches, 200);
    assert!(day.agent.log().contains("more waiting]"));
}

#[test]
fn whoever_waits_too_long_or_hangs_up_costs_no_touch() {
    let day = Day::begin(41_000_016, &["--pin-cache", "1h"]);
    day.enters();
    let identities = day.identities();
    let key = &identities[0]["key"];
    let digest = json!({"digest": "A".repeat(43)});
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            let first = scope.spawn(|| day.sign(key, &digest, 60_000));
            day.site
                .rig()
                .touch()
                .wait_until_asked(process::PATIENCE)
                .unwrap();
            // Its turn does not come in time.
            assert_eq!(day.sign(key, &digest, 200), json!({"refused": "late"}));
            day.site.rig().touch().touch().unwrap();
            assert!(first.join().unwrap()["signature"].is_string());
        });
        assert!(process::within(process::PATIENCE, || {
            day.agent.log().contains("not this request's turn")
        }));
    });
    assert_eq!(touches, 1);
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
    let bind = [
        &[27][..],
        &string(b"session-bind@openssh.com"),
        &string(&[1; 51]),
        &string(&[2; 32]),
        &string(&[3; 83]),
        &[0],
    ]
    .concat();
    assert_eq!(day.agent.ssh_message(&bind).unwrap(), [28]);
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

#[test]
fn one_agent_runs_and_what_a_dead_one_left_behind_is_replaced() {
    let mut day = Day::begin(41_000_019, &[]);
    let second = day.site.laptop().run(&["agent"]).unwrap();
    assert!(!second.status.success());
    assert!(process::text(&second.stderr).contains("an agent runs already"));
    day.agent
        .process()
        .signal(rustix::process::Signal::KILL)
        .unwrap();
    let _ = day.agent.process().wait().unwrap();
    assert!(day.agent.ssh_socket().exists(), "left behind");
    day.agent = Agent::start(day.site.laptop(), &[]).unwrap();
    day.enters();
    assert!(day.agent.process().stop().unwrap().success());
    assert!(!day.agent.ssh_socket().exists());
}

#[test]
fn at_rest_it_wakes_up_for_nothing_and_needs_little_memory() {
    let mut day = Day::begin(41_000_020, &["--pin-cache", "1h"]);
    day.enters();
    let proc = PathBuf::from(format!("/proc/{}", day.agent.process().id()));
    let number = |text: &str, field: &str| -> u64 {
        let line = text.lines().find(|l| l.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let switches = || -> u64 {
        std::fs::read_dir(proc.join("task"))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok())
            .map(|status| number(&status, "voluntary_ctxt_switches"))
            .sum()
    };
    // Whatever the login began has ended when nothing moves for a while.
    let mut before = switches();
    assert!(process::within(process::PATIENCE, || {
        std::thread::sleep(Duration::from_millis(500));
        let now = switches();
        std::mem::replace(&mut before, now) == now
    }));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(), before, "no thread woke up in two seconds");
    let status = std::fs::read_to_string(proc.join("status")).unwrap();
    let own = number(&status, "RssAnon:");
    assert!(own < 10 * 1024, "{own} kB of its own");
    assert!(number(&status, "VmLck:") > 0, "the PIN is in locked memory");
}

#[test]
fn a_certificate_that_has_expired_is_neither_listed_nor_used() {
    let site = Site::enrolled(41_000_021).unwrap();
    site.laptop().succeed(&["tls", "ssh"]).unwrap();
    let now = Agent::start(site.laptop(), &[]).unwrap();
    let listed = now
        .service(&json!({"version": 1, "request": "list"}))
        .unwrap();
    let key = listed["identities"][0]["key"].clone();
    drop(now);
    let later = programs::with_clock(site.laptop().dlogin(&["agent"]), "+17h").unwrap();
    let day = Day {
        sshd: site.sshd(USER).unwrap(),
        agent: Agent::start_as(site.laptop(), later).unwrap(),
        config: PathBuf::new(),
        site,
    };
    assert!(day.listed().is_empty());
    assert!(day.identities().is_empty());
    let digest = json!({"digest": "A".repeat(43)});
    let touches = day.touches(|| {
        assert_eq!(
            day.sign(&key, &digest, 5_000),
            json!({"refused": "expired"})
        );
    });
    assert_eq!(touches, 0);
}

#[test]
fn keys_of_every_kind_enter() {
    for (serial, algorithm) in [
        (41_000_022, "RSA-2048"),
        (41_000_023, "P-384"),
        (41_000_024, "Ed25519"),
    ] {
        let site = Site::start(serial, TouchMode::Auto).unwrap();
        site.trust_ca().unwrap();
        site.add_user().unwrap();
        let setup = ["setup", "--use", "login", "--algorithm", algorithm];
        site.laptop().succeed(&setup).unwrap();
        let bundle = site.write_bundle("login").unwrap();
        let grant = format!("ssh={USER}");
        site.enrol("login", &bundle, &[grant]).unwrap();
        site.laptop().succeed(&["ssh"]).unwrap();
        let day = Day::with(site, &[]);
        assert_eq!(day.touches(|| day.enters()), 1, "{algorithm}");
    }
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
    let host_key = day.sshd.place().host_key;
    let shown = process::succeed(Command::new("ssh-keygen").arg("-lf").arg(host_key)).unwrap();
    let fingerprint = shown.split_whitespace().nth(1).unwrap();
    let expected = format!("of no known kind, asked from host {fingerprint}");
    assert!(day.agent.log().contains(&expected), "{}", day.agent.log());
}
