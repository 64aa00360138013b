//! Who is told of a touch, and in which order signatures have their turn.

use std::time::{Duration, Instant};

use e2e::process::{self, PATIENCE, within};
use e2e::programs;
use e2e::site::{PIN, Site, USER};
use e2e::terminal::Terminal;
use serde_json::json;
use virtual_yubikey::TouchMode;

use crate::day::{Day, me};
use crate::desktop::Desktop;

#[test]
fn a_touch_is_told_on_the_desktop_and_a_desktop_that_died_costs_nothing() {
    let site = Site::enrolled(45_000_001).unwrap();
    site.laptop().succeed(&["ssh"]).unwrap();
    let mut desktop = Desktop::start(site.dir());
    let mut agent = site.laptop().dlogin(&["agent"]);
    agent.env("DBUS_SESSION_BUS_ADDRESS", &desktop.address);
    let day = Day::with_agent(site, agent);
    day.enters_with_one_touch();
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
    day.enters_with_one_touch();
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
    let day = Day::with_agent(site, agent);
    let output = day.ssh(&["host", "echo entered"]);
    assert_eq!(process::text(&output.stdout), "entered\n");
    let log = day.agent.log();
    assert!(log.contains("signed: SSH login as"), "{log}");
    assert!(!log.contains("Touch"), "{log}");
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
            day.site.rig().touch().wait_until_asked(PATIENCE).unwrap();
            // Its turn does not come in time.
            assert_eq!(day.sign(key, &digest, 200), json!({"refused": "late"}));
            day.site.rig().touch().touch().unwrap();
            assert!(first.join().unwrap()["signature"].is_string());
        });
        assert!(within(PATIENCE, || {
            day.agent.log().contains("not this request's turn")
        }));
    });
    assert_eq!(touches, 1);
}

#[test]
fn a_touch_that_was_asked_for_in_time_counts_also_when_it_comes_late() {
    let day = Day::begin(45_000_039, &["--pin-cache", "1h"]);
    day.enters();
    let identities = day.identities();
    let key = &identities[0]["key"];
    let digest = json!({"digest": "A".repeat(43)});
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let patience = Duration::from_secs(10);
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            let begin = Instant::now();
            let waits = scope.spawn(|| day.sign(key, &digest, 10_000));
            let touch = day.site.rig().touch();
            touch.wait_until_asked(PATIENCE).unwrap();
            assert!(within(PATIENCE, || begin.elapsed() > patience));
            touch.touch().unwrap();
            assert!(waits.join().unwrap()["signature"].is_string());
        });
        // In a few seconds nobody could.
        let late = day.sign(key, &digest, 4_000);
        assert_eq!(late, json!({"refused": "late"}));
    });
    assert_eq!(touches, 1);
}

#[test]
fn two_touches_wanted_at_once_wait_for_each_other_and_each_is_announced() {
    let day = Day::begin(41_000_026, &["--pin-cache", "1h"]);
    day.enters();
    let before = day.agent.log().matches("Touch the YubiKey now").count();
    let announced = || day.agent.log().matches("Touch the YubiKey now").count() - before;
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let touches = day.touches(|| {
        std::thread::scope(|scope| {
            let logins = [(); 2].map(|()| scope.spawn(|| day.ssh(&["host", "true"])));
            let touch = day.site.rig().touch();
            touch.wait_until_asked(PATIENCE).unwrap();
            // What was said may be on its way to us.
            assert!(within(PATIENCE, || announced() > 0), "{}", day.logs());
            assert_eq!(announced(), 1, "one at a time");
            touch.touch().unwrap();
            assert!(within(PATIENCE, || announced() == 2), "{}", day.agent.log());
            touch.wait_until_asked(PATIENCE).unwrap();
            touch.touch().unwrap();
            for login in logins {
                assert!(login.join().unwrap().status.success(), "{}", day.logs());
            }
        });
    });
    assert_eq!(touches, 2);
}
