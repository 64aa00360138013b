//! `dlogin proxy`: curl, which has no certificate, reaches a server that wants
//! one; the key is in the (virtual) YubiKey, touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::agent::Agent;
use e2e::intranet::Intranet;
use e2e::proxy::Proxy;
use e2e::site::{DISK_NAME, HARDWARE_NAME, Site};
use e2e::{process, programs};
use rustix::process::Signal;
use virtual_yubikey::TouchMode;

/// A person with certificates, an agent, a server and a proxy to it.
struct Day {
    // Dropped in this order.
    proxy: Proxy,
    agent: Agent,
    server: Intranet,
    site: Site,
}

impl Day {
    fn begin(serial: u32, args: &[&str]) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let agent = Agent::start(site.laptop(), &[]).unwrap();
        let server = site.intranet().unwrap();
        let proxy = start(&site, &server, args);
        Self {
            proxy,
            agent,
            server,
            site,
        }
    }

    /// curl through the proxy's socket; it knows of no certificate.
    fn curl(&self, paths: &[&str]) -> Output {
        let mut curl = Command::new(programs::system("curl").unwrap());
        curl.args(["--silent", "--show-error", "--max-time", "60"]);
        if self.proxy.place().starts_with("unix:") {
            curl.arg("--unix-socket").arg(self.proxy.socket());
        } else {
            curl.args(["--connect-to", &format!("::{}", self.proxy.place())]);
        }
        curl.args(paths.iter().map(|path| format!("http://intranet{path}")));
        process::run(&mut curl).unwrap()
    }

    #[track_caller]
    fn enters(&self) {
        let output = self.curl(&["/whoami"]);
        let page = process::text(&output.stdout);
        assert!(
            page.contains(HARDWARE_NAME),
            "{page}\n{}\n{}\n{}",
            self.proxy.log(),
            self.agent.log(),
            self.server.log()
        );
    }

    /// That curl is given nothing, and the proxy says so.
    #[track_caller]
    fn stays_outside(&self, why: &str) {
        let output = self.curl(&["/whoami"]);
        assert!(!output.status.success());
        assert_eq!(process::text(&output.stdout), "");
        let said = process::within(process::PATIENCE, || self.proxy.log().contains(why));
        assert!(said, "{why}\n{}", self.proxy.log());
    }

    /// That another user gets nothing, and the proxy says so.
    #[track_caller]
    fn turns_away(&self, program: &mut Command) {
        let output = process::run(program).unwrap();
        assert!(!output.status.success());
        assert_eq!(process::text(&output.stdout), "");
        let told = "a connection of another user (65534)";
        let said = process::within(process::PATIENCE, || self.proxy.log().contains(told));
        assert!(said, "{}", self.proxy.log());
    }

    fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }
}

fn start(site: &Site, server: &Intranet, args: &[&str]) -> Proxy {
    let (to, cafile) = (server.host_and_port(), server.certificate());
    let all = [&[to.as_str(), "--cafile", cafile.to_str().unwrap()], args].concat();
    Proxy::start(site.laptop(), &all).unwrap()
}

#[test]
fn a_connection_costs_one_touch_however_much_it_carries() {
    let day = Day::begin(46_000_001, &[]);
    let file = vec![0x5a; 4 << 20];
    std::fs::write(day.server.files().join("large"), &file).unwrap();
    let touches = day.touches(|| {
        let output = day.curl(&["/whoami", "/large", "/whoami"]);
        let length = file.len() + 2 * format!("CN={HARDWARE_NAME}\n").len();
        assert_eq!(output.stdout.len(), length, "{}", day.proxy.log());
    });
    assert_eq!(touches, 1, "kept alive");
    assert_eq!(day.touches(|| day.enters()), 1, "and none is resumed");
    let log = day.agent.log();
    let told = format!(
        "TLS to {}, says the program (asked by dlogin)",
        day.server.host_and_port()
    );
    assert!(log.contains(&told), "{log}");
}

#[test]
fn whoever_has_said_all_is_answered_all_the_same() {
    let day = Day::begin(46_000_002, &["--profile", "tls-disk"]);
    let mut stream = UnixStream::connect(day.proxy.socket()).unwrap();
    stream.set_read_timeout(Some(process::PATIENCE)).unwrap();
    // In pieces, as a slow program writes.
    for piece in ["GET /who", "ami HTTP/1.0\r\nHost: x\r\n", "\r\n"] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    let answer = process::text(&answer);
    assert!(answer.contains(DISK_NAME), "{answer}\n{}", day.proxy.log());
}

#[test]
fn what_is_in_the_way_is_said_and_the_proxy_goes_on() {
    let mut day = Day::begin(46_000_003, &[]);
    day.site.rig().touch().set_mode(TouchMode::Deny);
    day.stays_outside("not touched in time");
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters();

    // Pulled while it waits for the touch, in the middle of the handshake.
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let control = day.site.rig().control().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let touch = day.site.rig().touch();
            touch.wait_until_asked(process::PATIENCE).unwrap();
            control.unplug().unwrap();
        });
        day.stays_outside("unplugged");
    });
    control.replug().unwrap();
    day.site.rig().touch().set_mode(TouchMode::Auto);
    assert!(process::within(process::PATIENCE, || {
        process::text(&day.curl(&["/whoami"]).stdout).contains(HARDWARE_NAME)
    }));

    assert!(day.agent.process().stop().unwrap().success());
    day.stays_outside("start `dlogin agent`");
    day.site.laptop().succeed(&["logout"]).unwrap();
    day.stays_outside("there is no TLS certificate");
    day.agent = Agent::start(day.site.laptop(), &[]).unwrap();
    day.site.laptop().succeed(&["tls"]).unwrap();
    day.enters();
}

#[test]
fn a_server_that_is_not_the_one_gets_nothing() {
    let day = Day::begin(46_000_004, &[]);
    let other = day.site.dir().join("root.pem");
    let to = day.server.host_and_port();
    let args = [&to, "--cafile", other.to_str().unwrap()];
    let elsewhere = format!("unix:{}", day.site.dir().join("other.sock").display());
    let other = [&args[..], &["--listen", &elsewhere]].concat();
    let proxy = Proxy::start(day.site.laptop(), &other).unwrap();
    let day = Day { proxy, ..day };
    let touches = day.touches(|| day.stays_outside("invalid peer certificate"));
    assert_eq!(touches, 0);
}

#[test]
fn the_socket_is_its_users_alone_and_goes_with_the_proxy() {
    let mut day = Day::begin(46_000_005, &["--profile", "tls-disk"]);
    let socket = day.proxy.socket();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(socket.starts_with(day.site.laptop().certificate("")));
    let (to, cafile) = (day.server.host_and_port(), day.server.certificate());
    let second = [&to, "--cafile", cafile.to_str().unwrap()];
    let second = [&["proxy"], &second[..]].concat();
    let second = day.site.laptop().run(&second).unwrap();
    assert!(process::text(&second.stderr).contains("another program listens"));

    // Killed, it leaves the socket behind, and the next one replaces it.
    day.proxy.process().signal(Signal::KILL).unwrap();
    let _ = day.proxy.process().wait().unwrap();
    assert!(socket.exists());
    day.proxy = start(&day.site, &day.server, &["--profile", "tls-disk"]);
    let page = process::text(&day.curl(&["/whoami"]).stdout);
    assert!(page.contains(DISK_NAME), "{page}{}", day.proxy.log());

    // With Ctrl-C it takes it along.
    day.proxy.process().signal(Signal::INT).unwrap();
    assert!(day.proxy.process().wait().unwrap().success());
    assert!(!socket.exists());
}

#[test]
fn on_loopback_another_user_is_turned_away() {
    let args = ["--profile", "tls-disk", "--listen", "127.0.0.1:0"];
    let day = Day::begin(46_000_006, &args);
    let page = process::text(&day.curl(&["/whoami"]).stdout);
    assert!(page.contains(DISK_NAME), "{page}{}", day.proxy.log());
    let program = programs::system("curl").unwrap();
    if let Some(mut curl) = programs::as_somebody_else(&program).unwrap() {
        curl.args(["--silent", "--max-time", "60"])
            .arg(format!("http://{}/whoami", day.proxy.place()));
        day.turns_away(&mut curl);
    }
    for place in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let refused = day.site.laptop().run(&["proxy", "a", "--listen", place]);
        assert_eq!(refused.unwrap().status.code(), Some(2), "{place}");
    }
}

#[test]
fn a_proxy_that_can_tell_nobody_any_more_goes_on() {
    let day = Day::begin(46_000_019, &["--profile", "tls-disk"]);
    let shell = programs::system("sh").unwrap();
    let mut command = day.site.laptop().command(&shell);
    command
        .args(["-c", "exec \"$0\" proxy \"$@\" 2>/dev/full"])
        .arg(programs::ours("dlogin").unwrap())
        .args([&day.server.host_and_port(), "--profile", "tls-disk"])
        .args(["--listen", "127.0.0.1:0", "--cafile"])
        .arg(day.server.certificate());
    let proxy = Proxy::start_as(day.site.laptop(), command).unwrap();
    let day = Day { proxy, ..day };
    let program = programs::system("curl").unwrap();
    // It has something to say now.
    if let Some(mut curl) = programs::as_somebody_else(&program).unwrap() {
        curl.args(["--silent", "--max-time", "60"])
            .arg(format!("http://{}/whoami", day.proxy.place()));
        assert!(!process::run(&mut curl).unwrap().status.success());
    }
    let page = process::text(&day.curl(&["/whoami"]).stdout);
    assert!(page.contains(DISK_NAME), "{page}");
}

#[test]
fn one_connection_more_than_there_may_be_waits_until_another_ends() {
    let day = Day::begin(46_000_008, &["--profile", "tls-disk"]);
    let connect = || {
        let mut stream = UnixStream::connect(day.proxy.socket()).unwrap();
        stream.set_read_timeout(Some(process::PATIENCE)).unwrap();
        stream
            .write_all(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        stream
    };
    let answered = |stream: &mut UnixStream| {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"HTTP/1.1 200");
        std::io::Result::Ok(())
    };
    // dlogin_proxy::MAX_CONNECTIONS
    let mut all: Vec<_> = (0..128).map(|_| connect()).collect();
    for stream in &mut all {
        answered(stream).unwrap();
    }
    let mut more = connect();
    more.set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let waits = answered(&mut more).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
    drop(all.pop());
    more.set_read_timeout(Some(process::PATIENCE)).unwrap();
    answered(&mut more).unwrap();
}

#[test]
fn a_certificate_that_ends_while_the_proxy_runs_is_told_and_a_new_one_used() {
    let site = Site::enrolled(46_000_009).unwrap();
    let fetch = ["tls-disk", "--valid", "10m"];
    site.laptop().succeed(&fetch).unwrap();
    let agent = Agent::start(site.laptop(), &[]).unwrap();
    let server = site.intranet().unwrap();
    // The proxy's clock is that of a file.
    let clock = site.dir().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let mut command = site.laptop().dlogin(&["proxy", &server.host_and_port()]);
    command.arg("--cafile").arg(server.certificate());
    let mut command = programs::with_clock(command, "+0").unwrap();
    command
        .env_remove("FAKETIME")
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1");
    let proxy = Proxy::start_as(site.laptop(), command).unwrap();
    let day = Day {
        proxy,
        agent,
        server,
        site,
    };
    let page = || process::text(&day.curl(&["/whoami"]).stdout);
    assert!(page().contains(DISK_NAME), "{}", day.proxy.log());
    // What was let in before stays: that is the server's to judge.
    let mut before = UnixStream::connect(day.proxy.socket()).unwrap();
    before.set_read_timeout(Some(process::PATIENCE)).unwrap();
    let mut ask = || {
        let mut answer = [0; 12];
        before
            .write_all(b"HEAD /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        before.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut rest = Vec::new();
        while !rest.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            before.read_exact(&mut byte).unwrap();
            rest.extend(byte);
        }
    };
    ask();
    std::fs::write(&clock, "+20m").unwrap();
    day.stays_outside("the certificate tls-disk has expired");
    ask();
    day.site.laptop().succeed(&["tls-disk"]).unwrap();
    assert!(page().contains(DISK_NAME), "{}", day.proxy.log());
}
