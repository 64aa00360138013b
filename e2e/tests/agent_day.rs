//! What a day does to `dlogin agent`: who is told of a touch and who is not,
//! other programs at the card, pcscd restarted, hosts that it is forwarded to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::agent::{Agent, ssh_config};
use e2e::process::{Background, PATIENCE, within};
use e2e::site::{PIN, Site, USER};
use e2e::sshd::Sshd;
use e2e::terminal::Terminal;
use e2e::{process, programs};
use virtual_yubikey::TouchMode;

fn me() -> String {
    let name = process::succeed(Command::new("id").arg("-un")).unwrap();
    name.trim().to_owned()
}

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
        let agent = site.laptop().dlogin(&[&["agent"], agent].concat());
        Self::with(site, agent)
    }

    fn with(site: Site, agent: Command) -> Self {
        let sshd = site.sshd(USER).unwrap();
        let agent = Agent::start_as(site.laptop(), agent).unwrap();
        let config = ssh_config(site.laptop(), &sshd, "host", &me()).unwrap();
        Self {
            agent,
            sshd,
            config,
            site,
        }
    }

    fn ssh(&self, args: &[&str]) -> Output {
        let program = programs::system("ssh").unwrap();
        let mut ssh = self.site.laptop().command(&program);
        process::run(ssh.arg("-F").arg(&self.config).args(args)).unwrap()
    }

    #[track_caller]
    fn enters(&self) {
        let before = self.site.touches();
        let output = self.ssh(&["host", "echo entered"]);
        assert_eq!(
            process::text(&output.stdout),
            "entered\n",
            "{}\n{}\n{}",
            process::text(&output.stderr),
            self.agent.log(),
            self.sshd.log()
        );
        assert_eq!(self.site.touches() - before, 1);
    }

    /// A tool that uses the card by itself, past the agent.
    fn tool(&self, name: &str, args: &[&str]) -> Command {
        let program = programs::system(name).unwrap();
        let mut command = self.site.laptop().command(&program);
        command.args(args);
        command
    }

    /// `yubico-piv-tool`, signing with the login key; the PIN only if `pin`.
    fn sign_past_the_agent(&self, pin: bool) -> Command {
        let message = self.site.dir().join("message");
        std::fs::write(&message, "anything").unwrap();
        let mut tool = self.tool("yubico-piv-tool", &[]);
        if pin {
            tool.args(["-a", "verify-pin", "-P", PIN]);
        }
        tool.args(["--sign", "-s", "9a", "-A", "ECCP256", "-H", "SHA256"])
            .arg("-i")
            .arg(&message)
            .arg("-o")
            .arg(self.site.dir().join("signature"));
        tool
    }
}

/// A desktop that shows notifications: a session bus, and who is told on it.
struct Desktop {
    bus: Background,
    _shows: Background,
    address: String,
    shown: PathBuf,
}

impl Desktop {
    fn start(dir: &Path) -> Self {
        let address = format!("unix:path={}", dir.join("bus").display());
        let mut bus = Command::new(programs::system("dbus-daemon").unwrap());
        bus.args(["--session", "--nofork", "--nosyslog"])
            .arg(format!("--address={address}"));
        let mut bus = Background::start(bus, &dir.join("bus.log")).unwrap();
        let socket = dir.join("bus");
        bus.wait_for("a session bus", || socket.exists()).unwrap();
        let shown = dir.join("notifications");
        // Debian's own Python, which has Debian's modules.
        let mut shows = Command::new("/usr/bin/python3");
        shows
            .args(["-m", "dbusmock", "--session"])
            .args(["--template", "notification_daemon", "--logfile"])
            .arg(&shown)
            .env("DBUS_SESSION_BUS_ADDRESS", &address);
        let mut shows = Background::start(shows, &dir.join("shows.log")).unwrap();
        let mut asks = Command::new(programs::system("dbus-send").unwrap());
        asks.arg(format!("--bus={address}"))
            .args(["--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .arg("org.freedesktop.DBus.NameHasOwner")
            .arg("string:org.freedesktop.Notifications");
        shows
            .wait_for("org.freedesktop.Notifications", || {
                process::run(&mut asks)
                    .is_ok_and(|output| process::text(&output.stdout).contains("true"))
            })
            .unwrap();
        Self {
            bus,
            _shows: shows,
            address,
            shown,
        }
    }

    fn shown(&self) -> String {
        std::fs::read_to_string(&self.shown).unwrap_or_default()
    }
}

#[test]
fn a_touch_is_told_on_the_desktop_and_a_desktop_that_died_costs_nothing() {
    let site = Site::enrolled(45_000_001).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let mut desktop = Desktop::start(site.dir());
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env("DBUS_SESSION_BUS_ADDRESS", &desktop.address);
    let day = Day::with(site, agent);
    day.enters();
    let expected = format!("SSH login as {} to host SHA256:", me());
    assert!(
        within(PATIENCE, || {
            let shown = desktop.shown();
            shown.contains("\"Touch the YubiKey now\"") && shown.contains(&expected)
        }),
        "{}",
        desktop.shown()
    );
    assert!(!desktop.shown().contains(PIN));
    desktop.bus.stop().unwrap();
    day.enters();
}

#[test]
fn a_touch_is_told_on_the_terminal_that_waits_for_it() {
    let day = Day::begin(45_000_002, &[]);
    let program = programs::system("script").unwrap();
    let script = day.site.laptop().command(&program);
    let line = format!("ssh -F {} host echo entered", day.config.display());
    let (shown, code) = Terminal::run_as(script, &line).unwrap().end().unwrap();
    assert_eq!(code, Some(0), "{shown}{}", day.agent.log());
    let told = shown.find("Touch the YubiKey now: SSH login as").unwrap();
    assert!(told < shown.find("entered").unwrap(), "{shown}");
}

#[test]
fn no_touch_is_announced_where_none_is_needed() {
    let mut site = Site::start(45_000_003, TouchMode::Deny).unwrap();
    site.ca_mut().stop().unwrap();
    let policy = "touch_policies = [\"never\"]\n";
    site.ca().configure_section("policy", policy).unwrap();
    site.ca_mut().serve().unwrap();
    site.trust_ca().unwrap();
    site.add_user().unwrap();
    let setup = ["setup", "--change-pin", "--touch-policy", "never"];
    site.laptop().succeed(&setup).unwrap();
    let bundle = site.write_bundle("login").unwrap();
    site.enrol("login", &bundle, &[format!("ssh={USER}")])
        .unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let agent = site.laptop().dlogin(&["agent"]);
    let day = Day::with(site, agent);
    let output = day.ssh(&["host", "echo entered"]);
    assert_eq!(process::text(&output.stdout), "entered\n");
    let log = day.agent.log();
    assert!(log.contains("signed: SSH login as"), "{log}");
    assert!(!log.contains("Touch"), "{log}");
}

#[test]
fn between_signatures_the_card_is_for_others_and_nobody_signs_on_the_agents_pin() {
    let day = Day::begin(45_000_004, &["--pin-cache", "1h"]);
    day.enters();
    let info = process::succeed(&mut day.tool("ykman", &["piv", "info"])).unwrap();
    assert!(info.contains("PIV version"), "{info}");
    let touches = day.site.touches();
    let stolen = process::run(&mut day.sign_past_the_agent(false)).unwrap();
    assert!(!stolen.status.success(), "{stolen:?}");
    assert_eq!(day.site.touches(), touches);
    // The same with the PIN works, so it was the PIN that was missing.
    process::succeed(&mut day.sign_past_the_agent(true)).unwrap();
    // The agent still has its own, and asks nobody.
    let asked = day.site.laptop().pin_prompts().len();
    day.enters();
    assert_eq!(day.site.laptop().pin_prompts().len(), asked);
}

#[test]
fn a_program_that_keeps_the_card_is_named_as_the_reason_and_outlived() {
    let day = Day::begin(45_000_005, &["--pin-cache", "1h"]);
    day.enters();
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let log = day.site.dir().join("other.log");
    let mut other = Background::start(day.sign_past_the_agent(true), &log).unwrap();
    day.site.rig().touch().wait_until_asked(PATIENCE).unwrap();
    let output = day.ssh(&["host", "true"]);
    assert_eq!(output.status.code(), Some(255));
    let said = day.agent.log();
    assert!(said.contains("another program holds the YubiKey"), "{said}");
    day.site.rig().touch().touch().unwrap();
    assert!(other.wait().unwrap().success(), "{}", other.log());
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters();
}

#[test]
fn it_survives_a_restart_of_pcscd() {
    let day = Day::begin(45_000_006, &["--pin-cache", "1h"]);
    day.enters();
    day.site.rig().restart_pcscd().unwrap();
    let asked = day.site.laptop().pin_prompts().len();
    day.enters();
    assert_eq!(
        day.site.laptop().pin_prompts().len(),
        asked,
        "the same YubiKey: the PIN is still kept"
    );
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

#[test]
fn hosts_with_and_without_the_lines_and_a_shared_connection_live_together() {
    let site = Site::enrolled(45_000_008).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let agent = Agent::start(site.laptop(), &[]).unwrap();
    let sshd = site.sshd(USER).unwrap();
    let place = sshd.place();
    let written = site
        .laptop()
        .succeed(&["ssh-config", "--write", "one.example", "two.*"])
        .unwrap();
    assert!(written.contains("dlogin.conf"), "{written}");
    let control = site.dir().join("master");
    let person = site.laptop().home().join(".ssh/config");
    let mut config = std::fs::read_to_string(&person).unwrap();
    config.push_str(&format!(
        "Host two.example\n    ControlMaster auto\n    ControlPath {}\n    ControlPersist 60\n\
         Host *\n    HostName 127.0.0.1\n    Port {}\n    User {}\n    UserKnownHostsFile {}\n    \
         StrictHostKeyChecking yes\n    IdentityFile none\n    IdentityAgent none\n    \
         PreferredAuthentications publickey\n",
        control.display(),
        place.port,
        me(),
        place.known_hosts.display()
    ));
    std::fs::write(&person, config).unwrap();
    let ssh = |args: &[&str]| {
        let program = programs::system("ssh").unwrap();
        let mut ssh = site.laptop().command(&program);
        // ssh asks the system for the home, not the environment.
        process::run(ssh.arg("-F").arg(&person).args(args)).unwrap()
    };
    let shown = |host: &str| process::text(&ssh(&["-G", host]).stdout);
    for (host, ours) in [
        ("one.example", true),
        ("two.example", true),
        ("three.example", false),
    ] {
        let shown = shown(host);
        assert_eq!(shown.contains("dlogin/agent.sock"), ours, "{host}: {shown}");
        assert_eq!(shown.contains("ssh-cert.pub"), ours, "{host}: {shown}");
    }
    let touches = |work: &dyn Fn()| {
        let before = site.touches();
        work();
        site.touches() - before
    };
    let enters = |host: &str| {
        let output = ssh(&[host, "echo entered"]);
        let said = process::text(&output.stderr);
        assert_eq!(
            process::text(&output.stdout),
            "entered\n",
            "{said}{}",
            agent.log()
        );
    };
    assert_eq!(touches(&|| enters("one.example")), 1);
    assert_eq!(touches(&|| enters("two.example")), 1);
    assert_eq!(
        touches(&|| enters("two.example")),
        0,
        "one connection for both"
    );
    assert_eq!(
        touches(&|| assert!(!ssh(&["three.example", "true"]).status.success())),
        0
    );
    ssh(&["-O", "exit", "two.example"]);
}
