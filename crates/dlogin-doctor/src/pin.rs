//! PIN, PUK and management key, as far as the card tells without a try.

use dlogin_core::Exit;
use piv_attest::Firmware;
use piv_token::ManageToken;

use crate::Check;

const ID: &str = "pin";
/// From here on the card tells what is the factory's. Before, the management
/// key would have to be tried, which could ask for a touch.
const TELLS: Firmware = Firmware::new(5, 3, 0);

pub(crate) fn check(token: &mut impl ManageToken) -> Vec<Check> {
    let status = match token.pin_status() {
        Ok(status) => status,
        Err(error) => return vec![Check::fault(ID, Exit::Card, error.to_string())],
    };
    let mut checks = vec![match status.tries_left {
        Some(0) => Check::fault(ID, Exit::Card, "the PIN is blocked")
            .todo("unblock it with the PUK: ykman piv access unblock-pin"),
        Some(1) => Check::warning(ID, "one PIN try is left: dlogin asks before it spends it")
            .todo("type the right one with `dlogin`, or set a new one with the PUK"),
        Some(2) => {
            Check::warning(ID, "2 PIN tries are left").todo("the right PIN brings all of them back")
        }
        Some(tries) => Check::ok(ID, format!("{tries} PIN tries are left")),
        None => Check::warning(ID, "another program has the PIN open on the card right now")
            .todo("if you do not know which, unplug the YubiKey and change the PIN"),
    }];
    if status.factory == Some(true) {
        checks.push(
            Check::fault(
                "factory",
                Exit::Card,
                "the PIN is the one that every YubiKey has at first",
            )
            .todo("dlogin setup changes it, or ykman piv access change-pin"),
        );
    }
    if token.info().firmware < TELLS {
        return checks;
    }
    match token.management_status() {
        Ok(status) => {
            if status.factory_puk == Some(true) {
                checks.push(
                    Check::warning(
                        "factory",
                        "the PUK is the one that every YubiKey has at first",
                    )
                    .todo("whoever finds the key can set a new PIN: dlogin setup, or ykman piv access change-puk"),
                );
            }
            if status.factory {
                checks.push(
                    Check::warning(
                        "factory",
                        "the management key is the one that every YubiKey has at first",
                    )
                    .todo(
                        "any program can replace your keys: \
                         ykman piv access change-management-key --generate --protect",
                    ),
                );
            }
        }
        Err(error) => checks.push(Check::warning("factory", error.to_string())),
    }
    checks
}
