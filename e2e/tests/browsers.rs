//! Firefox ESR and Chromium enter a site for members only with the key in the
//! (virtual) YubiKey, after nothing but `dlogin browser install` on a fresh
//! home: one touch for each full handshake, and none without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use e2e::agent::Agent;
use e2e::browser::{Browse, Chromium, Firefox, chromium_database, trust};
use e2e::nginx::Nginx;
use e2e::site::{HARDWARE_NAME, Site};
use virtual_yubikey::TouchMode;

/// More than a browser opens connections for.
const IMAGES: usize = 30;

/// A person with certificates, an agent, and a site to go to.
struct Day {
    // Dropped in this order.
    agent: Agent,
    nginx: Nginx,
    site: Site,
}

impl Day {
    fn begin(serial: u32, login: &[&str]) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(login).unwrap();
        let agent = Agent::start(site.laptop(), &[]).unwrap();
        let root = site.root_file().unwrap();
        let nginx = Nginx::start(&site.dir().join("nginx"), &root, IMAGES).unwrap();
        Self { agent, nginx, site }
    }

    /// A profile with the module, and Firefox with it.
    fn firefox(&self) -> Firefox {
        let profile = Firefox::create_profile(self.site.laptop(), "work").unwrap();
        self.install(&["--firefox-selects"]);
        trust(&profile, &self.nginx.root()).unwrap();
        Firefox::start(self.site.laptop(), &profile).unwrap()
    }

    fn install(&self, args: &[&str]) -> String {
        let mut all = vec!["browser", "install"];
        all.extend(args);
        self.site.laptop().succeed(&all).unwrap()
    }

    /// The policies that root would write, and Chromium with them.
    fn chromium(&self) -> Chromium {
        let image = self.site.dir().join("machine");
        let root = image.display().to_string();
        let origin = self.nginx.origin();
        let subject = ["--subject", HARDWARE_NAME];
        let machine = ["--machine", "--root", &root, "--site", &origin];
        self.install(&[machine.as_slice(), &subject].concat());
        self.install(&[]);
        trust(&chromium_database(self.site.laptop()), &self.nginx.root()).unwrap();
        Chromium::start(self.site.laptop(), &image.join("etc/chromium")).unwrap()
    }

    /// The touches so far since `before`, which are as many as handshakes.
    #[track_caller]
    fn touches(&self, before: u64) -> u64 {
        let touches = self.site.touches() - before;
        let handshakes = self.nginx.full_handshakes() as u64;
        assert_eq!(
            touches,
            handshakes,
            "{}\n{}",
            self.nginx.access_log(),
            self.agent.log()
        );
        touches
    }

    #[track_caller]
    fn enters(&self, browser: &mut impl Browse) {
        if let Err(error) = browser.open(&self.nginx.url()) {
            panic!("{error}\n{}\n{}", self.nginx.log(), self.agent.log());
        }
        let text = browser.text().unwrap();
        assert!(text.contains(HARDWARE_NAME), "{text}");
        assert!(text.contains("HTTP/2"), "{text}");
    }

    /// Not let in: an error of the browser, or nginx's page that says why.
    #[track_caller]
    fn stays_outside(&self, browser: &mut impl Browse) {
        let opened = browser.open(&self.nginx.url());
        if opened.is_ok() {
            let text = browser.text().unwrap();
            assert!(!text.contains("You are"), "{text}");
        }
    }
}

#[test]
fn firefox_enters_with_one_touch_for_a_page_of_many_parts() {
    let day = Day::begin(35_000_001, &[]);
    let before = day.site.touches();
    let mut firefox = day.firefox();
    assert_eq!(day.site.touches(), before, "installing costs no touch");
    day.enters(&mut firefox);
    assert_eq!(day.touches(before), 1);
    // The connection is kept.
    day.enters(&mut firefox);
    assert_eq!(day.touches(before), 1);
}

#[test]
fn chromium_enters_with_one_touch_for_a_page_of_many_parts() {
    let day = Day::begin(35_000_002, &[]);
    let before = day.site.touches();
    let mut chromium = day.chromium();
    assert_eq!(day.site.touches(), before, "installing costs no touch");
    day.enters(&mut chromium);
    assert_eq!(day.touches(before), 1);
    day.enters(&mut chromium);
    assert_eq!(day.touches(before), 1);
}

#[test]
fn firefox_is_refused_once_the_yubikey_is_out_and_enters_once_it_is_back() {
    let day = Day::begin(35_000_003, &[]);
    let mut firefox = day.firefox();
    let control = day.site.rig().control().unwrap();
    control.unplug().unwrap();
    day.stays_outside(&mut firefox);
    control.replug().unwrap();
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters(&mut firefox);
}

#[test]
fn chromium_is_refused_once_the_yubikey_is_out_and_enters_once_it_is_back() {
    let day = Day::begin(35_000_004, &[]);
    let mut chromium = day.chromium();
    let control = day.site.rig().control().unwrap();
    control.unplug().unwrap();
    day.stays_outside(&mut chromium);
    control.replug().unwrap();
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters(&mut chromium);
}

/// A certificate that ends soon, and a browser that starts once it has ended.
fn after_the_end(serial: u32) -> (Day, u64) {
    let day = Day::begin(serial, &["--valid", "10s"]);
    let text = day.site.laptop().succeed(&["status", "--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["certificates"].as_array().unwrap().len(), 3);
    let ended = e2e::process::within(e2e::browser::PATIENCE, || {
        let text = day.site.laptop().succeed(&["status", "--json"]).unwrap();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut held = status["certificates"].as_array().unwrap().iter();
        held.all(|held| held["expired"] == true)
    });
    assert!(ended);
    let touches = day.site.touches();
    (day, touches)
}

#[test]
fn firefox_is_refused_without_a_touch_once_the_certificate_has_expired() {
    let (day, touches) = after_the_end(35_000_005);
    let mut firefox = day.firefox();
    day.stays_outside(&mut firefox);
    assert_eq!(day.site.touches(), touches);
}

#[test]
fn chromium_is_refused_without_a_touch_once_the_certificate_has_expired() {
    let (day, touches) = after_the_end(35_000_006);
    let mut chromium = day.chromium();
    day.stays_outside(&mut chromium);
    assert_eq!(day.site.touches(), touches);
}

#[test]
fn without_an_agent_both_stay_outside_and_nothing_hangs() {
    let mut day = Day::begin(35_000_007, &[]);
    assert!(day.agent.process().stop().unwrap().success());
    let touches = day.site.touches();
    let mut firefox = day.firefox();
    day.stays_outside(&mut firefox);
    drop(firefox);
    let mut chromium = day.chromium();
    day.stays_outside(&mut chromium);
    assert_eq!(day.site.touches(), touches);
}
