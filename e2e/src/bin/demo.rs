//! `make demo`: the main job, from an empty folder to `ssh` and `curl`, on a
//! virtual YubiKey that a virtual finger touches when it asks.

use std::io::IsTerminal;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use e2e::agent::{Agent, ssh_config};
use e2e::site::{DISK_NAME, HARDWARE_NAME, Site, USER};
use e2e::{Failure, Result, process, programs};
use virtual_yubikey::{Touch, TouchMode};

const SERIAL: u32 = 31_337_042;

fn main() -> ExitCode {
    match Demo::new().and_then(|mut demo| demo.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\ndemo failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The story, and the finger.
struct Demo {
    site: Site,
    finger: Finger,
    step: u32,
    colour: bool,
}

impl Demo {
    fn new() -> Result<Self> {
        println!("dlogin, end to end. Only the YubiKey is virtual; the rest is what you run.\n");
        let site = Site::start(SERIAL, TouchMode::Manual)?;
        let finger = Finger::on(site.rig().touch());
        Ok(Self {
            site,
            finger,
            step: 0,
            colour: std::io::stdout().is_terminal(),
        })
    }

    fn run(&mut self) -> Result<()> {
        self.say("A site: a CA, and a laptop with a new YubiKey");
        self.note(&format!(
            "YubiKey {SERIAL}, firmware 5.7.4, in a reader of its own pcscd"
        ));
        self.note(&format!("ca init, ca serve: {}", self.site.ca().url()));

        self.say("dlogin trust: the laptop learns the CA's root, by its fingerprint");
        let printed = self.site.trust_ca()?;
        self.show(&printed);

        self.say("dlogin setup: nothing of the factory's is left, and two keys: login (9a) and proof (82)");
        let printed = self.site.make_keys()?;
        self.show(&printed);

        self.say("dlogin bundle, ca key add: the operator enrols both keys");
        let printed = self.site.add_user()?;
        self.show(&printed);
        for (key_use, grants) in self.site.keys() {
            let bundle = self.site.write_bundle(key_use)?;
            let printed = self.site.enrol(key_use, &bundle, &grants)?;
            self.show(&printed);
        }
        let enrolment = self.finger.take();
        self.touched(enrolment, 2)?;

        self.say("dlogin: TLS for the hardware key, TLS for a disk key, SSH");
        let output = process::run(&mut self.site.laptop().dlogin(&[]))?;
        self.show(&process::text(&output.stderr));
        self.show(&process::text(&output.stdout));
        if !output.status.success() {
            return Err(Failure::new(format!("dlogin ended with {}", output.status)));
        }
        let dlogin = self.finger.take();
        self.touched(dlogin, 2)?;

        self.say("dlogin agent: the key in the YubiKey, for every program");
        let agent = Agent::start(self.site.laptop(), &[])?;
        self.note("started; it asks for the PIN and says what each touch is for");

        self.say("ssh: a real sshd; what `dlogin ssh-config` prints, and then plain ssh");
        let sshd = self.site.sshd(USER)?;
        let me = process::succeed(Command::new("id").arg("-un"))?;
        let config = ssh_config(self.site.laptop(), &sshd, "db", me.trim())?;
        let mut ssh = self.site.laptop().command(&programs::system("ssh")?);
        ssh.arg("-F").arg(config);
        ssh.args(["db", "echo in: $(id -un), by ssh"]);
        let printed = process::succeed(&mut ssh).map_err(|failure| {
            let (agent, sshd) = (agent.log(), sshd.log());
            Failure::new(format!(
                "{failure}\nthe agent said:\n{agent}\nsshd said:\n{sshd}"
            ))
        })?;
        self.announced(&agent);
        self.show(&printed);
        let log = sshd.log();
        let accepted = log.lines().find(|line| line.contains("Accepted"));
        self.note(&shortened(accepted.unwrap_or_default()));
        let ssh = self.finger.take();
        self.touched(ssh, 1)?;

        self.say("curl: a real mTLS server, the certificate and key on disk");
        let server = self.site.mtls()?;
        let printed = process::succeed(&mut self.site.curl_disk(&server)?)?;
        self.show(&subject(&printed, DISK_NAME)?);
        let disk = self.finger.take();
        self.touched(disk, 0)?;

        self.say(
            "curl: the same server, the key in the YubiKey, by our PKCS#11 module and the agent",
        );
        let printed = process::succeed(&mut self.site.curl_module(&server, "tls")?)?;
        self.announced(&agent);
        self.show(&subject(&printed, HARDWARE_NAME)?);
        let hardware = self.finger.take();
        self.touched(hardware, 1)?;

        self.say("ca log: every decision, with its reasons");
        let printed = self.site.ca().succeed(&["log"])?;
        for line in printed.lines() {
            self.note(&shortened(line));
        }

        self.site.ca_mut().stop()?;
        println!(
            "\nTLS on hardware, TLS on disk and SSH: entered. Touches: {} (dlogin {dlogin}, ssh {ssh}, \
             curl {hardware}), after {enrolment} at enrolment, once in a key's life.",
            dlogin + ssh + disk + hardware
        );
        Ok(())
    }

    fn say(&mut self, what: &str) {
        self.step += 1;
        let (bold, plain) = if self.colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        println!("\n{bold}{}. {what}{plain}", self.step);
    }

    fn note(&self, what: &str) {
        println!("   {what}");
    }

    fn show(&self, printed: &str) {
        for line in printed.lines().filter(|line| !line.trim().is_empty()) {
            println!("   {line}");
        }
    }

    /// The last touch that the agent asked for, in its words.
    fn announced(&self, agent: &Agent) {
        let log = agent.log();
        let last = log
            .lines()
            .rfind(|line| line.contains("Touch the YubiKey now"));
        self.note(&shortened(last.unwrap_or_default()));
    }

    fn touched(&self, touches: u64, expected: u64) -> Result<()> {
        self.note(&match touches {
            0 => "[no touch]".to_owned(),
            1 => "[touched once]".to_owned(),
            n => format!("[touched {n} times]"),
        });
        if touches == expected {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{touches} touches where {expected} should do"
        )))
    }
}

/// As much of a line as fits a terminal; the log says more than a story needs.
fn shortened(line: &str) -> String {
    const WIDTH: usize = 100;
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}

/// The line of the server's page that names the client.
fn subject(page: &str, name: &str) -> Result<String> {
    page.lines()
        .find(|line| line.contains("Subject:") && line.contains(name))
        .map(|line| format!("the server sees {}", line.trim()))
        .ok_or_else(|| Failure::new(format!("the server did not see {name}:\n{page}")))
}

/// Touches the key whenever it waits for it.
struct Finger {
    key: Touch,
    counted: u64,
    resting: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Finger {
    fn on(key: Touch) -> Self {
        let resting = Arc::new(AtomicBool::new(false));
        let (finger, rest) = (key.clone(), Arc::clone(&resting));
        let thread = std::thread::spawn(move || {
            while !rest.load(Ordering::Relaxed) {
                // Not asked for a while is no mishap here.
                let _ = finger.touch_when_asked(Duration::from_millis(200));
            }
        });
        Self {
            key,
            counted: 0,
            resting,
            thread: Some(thread),
        }
    }

    /// The touches since the last call, as the key counts them.
    fn take(&mut self) -> u64 {
        let all = self.key.status().touches;
        all - std::mem::replace(&mut self.counted, all)
    }
}

impl Drop for Finger {
    fn drop(&mut self) {
        self.resting.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
