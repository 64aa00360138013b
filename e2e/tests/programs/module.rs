//! The PKCS#11 module and `dlogin agent` together: what is in the way, and what is looked at.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::mtls::MtlsServer;
use e2e::site::{DISK_NAME, HARDWARE_NAME};
use e2e::{process, programs};
use virtual_yubikey::TouchMode;

use crate::{Day, module};

impl Day<MtlsServer> {
    fn at_openssl(serial: u32) -> Self {
        Self::at(serial, |site| site.mtls().unwrap())
    }

    /// curl with the certificate's file and the key of that name in the module.
    fn curl(&self, key: &str) -> Command {
        self.site.curl_module(&self.server, key).unwrap()
    }

    #[track_caller]
    fn enters(&self) {
        let mut curl = self.curl("tls");
        let output = process::run(&mut curl).unwrap();
        let page = process::text(&output.stdout);
        assert!(
            page.contains(HARDWARE_NAME),
            "{page}\n{}\n{}",
            process::text(&output.stderr),
            self.agent.log()
        );
    }

    /// That curl stays outside, soon; what was said.
    #[track_caller]
    fn stays_outside(&self) -> String {
        let began = Instant::now();
        let output: Output = process::run(&mut self.curl("tls")).unwrap();
        assert!(!output.status.success());
        assert!(began.elapsed() < Duration::from_secs(26));
        process::text(&output.stderr)
    }

    fn pkcs11_tool(&self, args: &[&str]) -> String {
        let tool = programs::system("pkcs11-tool").unwrap();
        let mut command = self.site.laptop().command(&tool);
        command.arg("--module").arg(module()).args(args);
        process::succeed(&mut command).unwrap()
    }
}

#[test]
fn curl_enters_through_module_and_agent_with_one_touch() {
    let day = Day::at_openssl(34_000_001);
    let before = day.site.touches();
    let list = day.pkcs11_tool(&["--list-objects"]);
    assert_eq!(day.site.touches(), before, "looking costs no touch");
    assert_eq!(list.matches("Private Key Object").count(), 2, "{list}");
    day.enters();
    assert_eq!(day.site.touches() - before, 1);
    let page = process::succeed(&mut day.curl("tls-disk")).unwrap();
    assert!(page.contains(DISK_NAME), "{page}");
    assert_eq!(day.site.touches() - before, 1, "none for the key on disk");
}

#[test]
fn gnutls_enters_with_the_key_from_the_module() {
    let day = Day::at_openssl(34_000_002);
    let before = day.site.touches();
    let address = day.server.url();
    let port = address.trim_end_matches('/').rsplit(':').next().unwrap();
    let gnutls = programs::system("gnutls-cli").unwrap();
    let mut client = day.site.laptop().command(&gnutls);
    client
        .arg("--provider")
        .arg(module())
        .arg("--x509cafile")
        .arg(day.site.dir().join("mtls/server.pem"))
        .args([
            "--x509keyfile",
            "pkcs11:token=dlogin;object=tls;type=private",
        ])
        // gnutls-cli sends a certificate from a module without its chain.
        .arg("--x509certfile")
        .arg(day.site.laptop().certificate("tls.pem"))
        .args(["--port", port, "localhost"]);
    let output = process::run_with_input(&mut client, "GET / HTTP/1.0\r\n\r\n").unwrap();
    let said = process::text(&output.stdout) + &process::text(&output.stderr);
    assert!(said.contains(HARDWARE_NAME), "{said}");
    assert_eq!(day.site.touches() - before, 1);
}

#[test]
fn without_an_agent_nothing_hangs_and_with_one_again_it_works() {
    let mut day = Day::at_openssl(34_000_003);
    assert!(day.agent.process().stop().unwrap().success());
    let said = day.stays_outside();
    assert!(said.contains("start `dlogin agent`"), "{said}");
    day.agent = Agent::start(day.site.laptop(), &[]).unwrap();
    day.enters();
}

#[test]
fn unplugged_untouched_and_plugged_in_again() {
    let day = Day::at_openssl(34_000_004);
    let control = day.site.rig().control().unwrap();
    control.unplug().unwrap();
    let said = day.stays_outside();
    assert!(said.contains("dlogin: no signature"), "{said}");
    control.replug().unwrap();
    day.enters();
    day.site.rig().touch().set_mode(TouchMode::Deny);
    let said = day.stays_outside();
    assert!(said.contains("not touched in time"), "{said}");
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters();
}

#[test]
fn what_has_expired_is_not_offered() {
    let day = Day::at_openssl(34_000_005);
    let tool = programs::system("pkcs11-tool").unwrap();
    let mut later = programs::with_clock(day.site.laptop().command(&tool), "+17h").unwrap();
    later.arg("--module").arg(module()).arg("--list-objects");
    let list = process::succeed(&mut later).unwrap();
    assert!(!list.contains("Object"), "{list}");
    assert!(day.pkcs11_tool(&["--list-objects"]).contains("Object"));
}

#[test]
fn a_yubikey_that_is_pulled_during_the_handshake_ends_it_and_the_next_one_works() {
    let day = Day::at_openssl(34_000_006);
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let control = day.site.rig().control().unwrap();
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let touch = day.site.rig().touch();
                touch.wait_until_asked(process::PATIENCE).unwrap();
                control.unplug().unwrap();
            });
            let said = day.stays_outside();
            assert!(said.contains("unplugged"), "{said}");
        });
    });
    assert_eq!(touches, 0);
    day.site.rig().touch().set_mode(TouchMode::Auto);
    control.replug().unwrap();
    day.enters();
}
