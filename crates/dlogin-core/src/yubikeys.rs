//! Which YubiKey, where several are plugged in.
//!
//! The one that the CAs of the site granted something to; of several, the one
//! of the configuration, else the one that was used last. Where none was
//! granted anything, the only one with a key in our slots. Where that leaves
//! more than one, the person says.

use piv_attest::{Serial, Slot};
use piv_token::{Token, YubiKey};

use crate::config::Config;
use crate::granted::Granted;
use crate::issued::Issued;
use crate::setup::KeyUse;
use crate::{Certificate, Error, KeyPlace, Paths};

/// One that is plugged in, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugged {
    /// Its serial number.
    pub serial: Serial,
    /// "YubiKey 12345678, firmware 5.7.4, keys in 9a and 82".
    pub words: String,
}

/// Opens the YubiKey for the site of `paths`: the one with this serial number,
/// the only one, or the one that is chosen as the module says.
///
/// # Errors
/// Those of [`piv_token::open`]; `SeveralYubiKeys` where the person must say.
pub fn open(paths: &Paths, serial: Option<Serial>) -> Result<YubiKey, piv_token::Error> {
    match piv_token::open(serial) {
        Err(error @ piv_token::Error::SeveralYubiKeys { .. }) => {
            choose(paths, piv_token::open_all()?).ok_or(error)
        }
        other => other,
    }
}

fn choose(paths: &Paths, mut found: Vec<YubiKey>) -> Option<YubiKey> {
    let config = Config::load(paths).ok()?;
    let cas = config.cas_of(paths.site()).unwrap_or_default();
    let remembered = Granted::keys_at(paths, &cas).unwrap_or_default();
    let serials: Vec<_> = found
        .iter()
        .map(|key| key.info().serial.map(|serial| serial.to_string()))
        .collect();
    let preferred = config.keys.serial.map(|serial| serial.to_string());
    let chosen = among(&serials, preferred.as_deref(), &remembered);
    let chosen = chosen.or_else(|| {
        let slots = slots(&config);
        let with_keys: Vec<_> = (0..found.len())
            .filter(|at| {
                found
                    .get_mut(*at)
                    .is_some_and(|key| !keys_in(key, &slots).is_empty())
            })
            .collect();
        match with_keys.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    })?;
    (chosen < found.len()).then(|| found.swap_remove(chosen))
}

/// By memory alone.
fn among(
    plugged: &[Option<String>],
    preferred: Option<&str>,
    remembered: &[String],
) -> Option<usize> {
    let place = |wanted: &str| {
        plugged
            .iter()
            .position(|serial| serial.as_deref() == Some(wanted))
    };
    let known = |wanted: &&str| remembered.iter().any(|key| key == wanted);
    preferred
        .filter(known)
        .and_then(place)
        // The one that was used last comes first.
        .or_else(|| remembered.iter().find_map(|key| place(key)))
        .or_else(|| preferred.and_then(place))
}

fn slots(config: &Config) -> Vec<Slot> {
    [KeyUse::Login, KeyUse::Proof]
        .into_iter()
        .filter_map(|key_use| config.keys.slot(key_use).ok())
        .collect()
}

fn keys_in(key: &mut YubiKey, slots: &[Slot]) -> Vec<Slot> {
    slots
        .iter()
        .copied()
        .filter(|slot| key.attest(*slot).is_ok())
        .collect()
}

/// All that are plugged in and tell their serial number, to be chosen from.
///
/// # Errors
/// Where the configuration cannot be read, or no YubiKey can be asked.
pub fn plugged(paths: &Paths) -> Result<Vec<Plugged>, Error> {
    let slots = slots(&Config::load(paths)?);
    let mut all = Vec::new();
    for mut key in piv_token::open_all()? {
        let Some(serial) = key.info().serial else {
            continue;
        };
        let firmware = key.info().firmware;
        let keys: Vec<_> = keys_in(&mut key, &slots)
            .iter()
            .map(ToString::to_string)
            .collect();
        let keys = match keys.as_slice() {
            [] => "no keys yet".to_owned(),
            keys => format!("keys in {}", keys.join(" and ")),
        };
        all.push(Plugged {
            serial,
            words: format!("YubiKey {serial}, firmware {firmware}, {keys}"),
        });
    }
    Ok(all)
}

/// Whether these certificates are for a YubiKey that is not plugged in, and
/// another one is: the backup, which has keys of its own. Where that cannot be
/// told, they are not.
#[must_use]
pub fn another_is_plugged(paths: &Paths, certificates: &[Certificate]) -> bool {
    let Ok(issued) = Issued::load(paths) else {
        return false;
    };
    let of: Vec<_> = certificates
        .iter()
        .filter(|held| held.key == KeyPlace::Yubikey)
        .filter_map(|held| issued.yubikey(held))
        .collect();
    if of.is_empty() {
        return false;
    }
    let plugged = piv_token::list().unwrap_or_default();
    let serials: Vec<_> = plugged
        .iter()
        .filter_map(|info| info.serial.map(|serial| serial.to_string()))
        .collect();
    !serials.is_empty()
        && !of
            .iter()
            .any(|one| serials.iter().any(|serial| serial == one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_chooses_and_the_last_one_used_wins_unless_another_is_preferred() {
        let plugged = ["1", "2", "3"].map(|serial| Some(serial.to_owned()));
        let remembered = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (preferred, keys, chosen) in [
            (None, &[][..], None),
            (None, &["2"], Some(1)),
            (None, &["3", "1"], Some(2)),
            // One that is not plugged in does not count.
            (None, &["9", "1"], Some(0)),
            (Some("1"), &["3", "1"], Some(0)),
            // One that nothing was granted to is not preferred to one that was.
            (Some("2"), &["3"], Some(2)),
            (Some("2"), &[], Some(1)),
            (Some("9"), &[], None),
        ] {
            let found = among(&plugged, preferred, &remembered(keys));
            assert_eq!(found, chosen, "{preferred:?} {keys:?}");
        }
    }
}
