//! What happens to the YubiKey meanwhile: unplugged, used by others, pcscd restarted.

use e2e::process::{self, Background, PATIENCE, within};
use virtual_yubikey::TouchMode;

use crate::day::Day;

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
    assert!(within(PATIENCE, || {
        day.ssh(&["host", "true"]).status.success()
    }));
}

#[test]
fn between_signatures_the_card_is_for_others_and_nobody_signs_on_the_agents_pin() {
    let day = Day::begin(45_000_004, &["--pin-cache", "1h"]);
    day.enters_with_one_touch();
    let info = process::succeed(day.program("ykman").args(["piv", "info"])).unwrap();
    assert!(info.contains("PIV version"), "{info}");
    let touches = day.site.touches();
    let stolen = process::run(&mut day.sign_past_the_agent(false)).unwrap();
    assert!(!stolen.status.success(), "{stolen:?}");
    assert_eq!(day.site.touches(), touches);
    // The same with the PIN works, so it was the PIN that was missing.
    process::succeed(&mut day.sign_past_the_agent(true)).unwrap();
    // The agent still has its own, and asks nobody.
    let asked = day.site.laptop().pin_prompts().len();
    day.enters_with_one_touch();
    assert_eq!(day.site.laptop().pin_prompts().len(), asked);
}

#[test]
fn a_program_that_keeps_the_card_is_named_as_the_reason_and_outlived() {
    let day = Day::begin(45_000_005, &["--pin-cache", "1h"]);
    day.enters_with_one_touch();
    day.site.rig().touch().set_mode(TouchMode::Manual);
    let log = day.site.dir().join("other.log");
    let mut other = Background::start(day.sign_past_the_agent(true), &log).unwrap();
    day.site.rig().touch().wait_until_asked(PATIENCE).unwrap();
    let output = day.ssh(&["host", "true"]);
    assert_eq!(output.status.code(), Some(255));
    let said = || {
        day.agent
            .log()
            .contains("another program holds the YubiKey")
    };
    assert!(within(PATIENCE, said), "{}", day.agent.log());
    day.site.rig().touch().touch().unwrap();
    assert!(other.wait().unwrap().success(), "{}", other.log());
    day.site.rig().touch().set_mode(TouchMode::Auto);
    day.enters_with_one_touch();
}

#[test]
fn it_survives_a_restart_of_pcscd() {
    let day = Day::begin(45_000_006, &["--pin-cache", "1h"]);
    day.enters_with_one_touch();
    day.site.rig().restart_pcscd().unwrap();
    let asked = day.site.laptop().pin_prompts().len();
    day.enters_with_one_touch();
    assert_eq!(
        day.site.laptop().pin_prompts().len(),
        asked,
        "the same YubiKey: the PIN is still kept"
    );
}
