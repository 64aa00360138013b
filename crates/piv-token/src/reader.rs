//! Finding YubiKeys among the readers.

use crate::{
    Error, TokenInfo, TouchNeed, YubiKey,
    apdu::Channel,
    applet::Applet,
    session::{self, Leave, Visit},
};
use piv_attest::Serial;
use std::{ffi::CString, time::Duration};

/// How long we wait for another program to let go of the card.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long for a reader that is not named like a YubiKey.
const BRIEFLY: Duration = Duration::from_millis(200);

/// All YubiKeys with PIV that are plugged in, in the order of their readers.
///
/// # Errors
/// [`Error::NoPcscd`]; what kept us from the only YubiKey, for example
/// [`Error::Busy`]. No key at all is an empty list.
pub fn list() -> Result<Vec<TokenInfo>, Error> {
    let probe = Probe::of(&readers()?, PATIENCE)?;
    match probe.trouble {
        Some(trouble) if probe.found.is_empty() => Err(trouble),
        _ => Ok(probe.found.into_iter().map(|(_, info)| info).collect()),
    }
}

/// Opens the YubiKey with this serial number, or the only one.
///
/// # Errors
/// [`Error::NoPcscd`], [`Error::NoReader`], [`Error::NoYubiKey`],
/// [`Error::SeveralYubiKeys`], [`Error::NoSuchSerial`], [`Error::Busy`].
pub fn open(serial: Option<Serial>) -> Result<YubiKey, Error> {
    open_with_patience(serial, PATIENCE)
}

/// As [`open`], waiting this long for other programs, here and in each later
/// use.
///
/// # Errors
/// Those of [`open`].
pub fn open_with_patience(serial: Option<Serial>, patience: Duration) -> Result<YubiKey, Error> {
    let mut probe = Probe::of(&readers()?, patience)?;
    let mut serials: Vec<_> = probe.found.iter().map(|(_, info)| info.serial).collect();
    match serial {
        Some(wanted) => probe.found.retain(|(_, info)| info.serial == Some(wanted)),
        None => {
            // One that we could not ask is one more to choose from.
            serials.extend(probe.trouble.iter().map(|_| None));
            if serials.len() > 1 {
                return Err(Error::SeveralYubiKeys { serials });
            }
        }
    }
    match (probe.found.pop(), probe.trouble, serial) {
        (Some((reader, info)), _, _) => Ok(YubiKey::new(reader, info, patience)),
        (None, Some(trouble), _) => Err(trouble),
        (None, None, Some(wanted)) if !serials.is_empty() => Err(Error::NoSuchSerial {
            wanted,
            found: serials,
        }),
        (None, None, _) if probe.others.is_empty() => Err(Error::NoReader),
        (None, None, _) => Err(Error::NoYubiKey {
            readers: probe.others,
        }),
    }
}

/// Opens every YubiKey with PIV that is plugged in.
///
/// # Errors
/// Those of [`list`], also where only one of several could not be asked.
pub fn open_all() -> Result<Vec<YubiKey>, Error> {
    let probe = Probe::of(&readers()?, PATIENCE)?;
    match probe.trouble {
        Some(trouble) => Err(trouble),
        None => Ok(probe
            .found
            .into_iter()
            .map(|(reader, info)| YubiKey::new(reader, info, PATIENCE))
            .collect()),
    }
}

fn readers() -> Result<Vec<CString>, Error> {
    session::readers(&session::context()?)
}

/// What is in the readers.
struct Probe {
    found: Vec<(CString, TokenInfo)>,
    /// Readers with a card that is no YubiKey.
    others: Vec<String>,
    /// What kept us from asking a YubiKey; the last, if there are several.
    trouble: Option<Error>,
}

impl Probe {
    fn of(readers: &[CString], patience: Duration) -> Result<Self, Error> {
        let mut probe = Self {
            found: Vec::new(),
            others: Vec::new(),
            trouble: None,
        };
        for reader in readers {
            let name = session::shown(reader);
            let yubikey = name.to_ascii_lowercase().contains("yubi");
            let visit = Visit {
                reader: reader.clone(),
                // Some other card that is in use must not hold us up.
                patience: if yubikey {
                    patience
                } else {
                    patience.min(BRIEFLY)
                },
                leave: Leave::AsItIs,
            };
            let shown = name.clone();
            let mut nobody = |_: TouchNeed| {};
            match visit.run(&mut nobody, move |card, _| identify(card, shown)) {
                Ok(Some(info)) => probe.found.push((reader.clone(), info)),
                Ok(None) => probe.others.push(name),
                Err(e @ (Error::NoPcscd | Error::NotPermitted)) => return Err(e),
                // An empty reader.
                Err(Error::Unplugged) => {}
                Err(e) if yubikey => probe.trouble = Some(e),
                Err(e) => {
                    tracing::debug!(reader = name, error = %e, "not a YubiKey");
                    probe.others.push(name);
                }
            }
        }
        Ok(probe)
    }
}

/// Which YubiKey the card is, if it is one that has PIV.
pub(crate) fn identify(card: &mut dyn Channel, reader: String) -> Result<Option<TokenInfo>, Error> {
    let Some(mut applet) = Applet::select(card)? else {
        return Ok(None);
    };
    let Some(firmware) = applet.firmware()? else {
        return Ok(None);
    };
    let serial = applet.serial(firmware)?;
    Ok(Some(TokenInfo {
        reader,
        serial,
        firmware,
    }))
}
