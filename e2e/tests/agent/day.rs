//! A person with a certificate, an agent, and a host to go to.

use std::path::PathBuf;
use std::process::{Command, Output};

use e2e::agent::{Agent, protocol, ssh_config};
use e2e::site::{PIN, Site, USER};
use e2e::sshd::Sshd;
use e2e::{process, programs};
use serde_json::{Value, json};

/// Whoever runs this, as whom ssh enters.
pub(crate) fn me() -> String {
    let name = process::succeed(Command::new("id").arg("-un")).unwrap();
    name.trim().to_owned()
}

pub(crate) struct Day {
    // Dropped in this order.
    pub(crate) agent: Agent,
    pub(crate) sshd: Sshd,
    pub(crate) config: PathBuf,
    pub(crate) site: Site,
}

impl Day {
    /// With an SSH certificate, and `dlogin agent ARGS…`.
    pub(crate) fn begin(serial: u32, agent: &[&str]) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&["ssh"]).unwrap();
        Self::with(site, agent)
    }

    pub(crate) fn with(site: Site, agent: &[&str]) -> Self {
        let agent = site.laptop().dlogin(&[&["agent"], agent].concat());
        Self::with_agent(site, agent)
    }

    /// The same with an agent's command that was made ready.
    pub(crate) fn with_agent(site: Site, agent: Command) -> Self {
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

    /// A program, as the person would run it.
    pub(crate) fn program(&self, name: &str) -> Command {
        self.site.laptop().command(&programs::system(name).unwrap())
    }

    /// One that reads our ssh_config: `PROGRAM -F CONFIG`.
    pub(crate) fn over_ssh(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.arg("-F").arg(&self.config);
        command
    }

    pub(crate) fn ssh(&self, args: &[&str]) -> Output {
        process::run(self.over_ssh("ssh").args(args)).unwrap()
    }

    #[track_caller]
    pub(crate) fn enters(&self) {
        let output = self.ssh(&["host", "echo entered"]);
        let said = process::text(&output.stderr);
        let logs = self.logs();
        assert_eq!(process::text(&output.stdout), "entered\n", "{said}\n{logs}");
    }

    #[track_caller]
    pub(crate) fn enters_with_one_touch(&self) {
        assert_eq!(self.touches(|| self.enters()), 1, "{}", self.logs());
    }

    #[track_caller]
    pub(crate) fn does_not_enter(&self) {
        let output = self.ssh(&["host", "echo entered"]);
        assert_eq!(output.status.code(), Some(255));
        assert_eq!(process::text(&output.stdout), "");
    }

    /// How many touches `work` costs.
    pub(crate) fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }

    pub(crate) fn logs(&self) -> String {
        format!("{}\n{}", self.agent.log(), self.sshd.log())
    }

    pub(crate) fn ssh_add(&self, args: &[&str]) -> Output {
        let mut command = self.agent.ssh_add(self.site.laptop(), args).unwrap();
        process::run(&mut command).unwrap()
    }

    /// The keys that the agent lists to ssh, in SSH's wire format.
    pub(crate) fn listed(&self) -> Vec<Vec<u8>> {
        protocol::listed(&self.agent.ssh_socket()).unwrap()
    }

    /// What the signing service lists.
    pub(crate) fn identities(&self) -> Vec<Value> {
        let answer = self
            .agent
            .service(&json!({"version": 1, "request": "list"}))
            .unwrap();
        answer["identities"].as_array().unwrap().clone()
    }

    /// What the signing service answers.
    pub(crate) fn sign(&self, key: &Value, input: &Value, patience_ms: u64) -> Value {
        self.agent
            .service(&json!({"version": 1, "request": {"sign": {
                "key": key, "algorithm": "ecdsa-p256-sha256", "input": input,
                "purpose": "TLS", "peer": "intranet", "patience_ms": patience_ms,
            }}}))
            .unwrap()
    }

    pub(crate) fn pin_tries_left(&self) -> String {
        let mut tool = self.program("yubico-piv-tool");
        let status = process::succeed(tool.args(["-a", "status"])).unwrap();
        let line = status.lines().find(|l| l.contains("PIN tries left"));
        line.unwrap().split_whitespace().last().unwrap().to_owned()
    }

    /// `yubico-piv-tool`, signing with the login key; the PIN only if `pin`.
    pub(crate) fn sign_past_the_agent(&self, pin: bool) -> Command {
        let message = self.site.dir().join("message");
        std::fs::write(&message, "anything").unwrap();
        let mut tool = self.program("yubico-piv-tool");
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
