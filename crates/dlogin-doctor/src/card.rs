//! From pcscd to the YubiKey.

use std::path::{Path, PathBuf};

use dlogin_core::config::Keys;
use dlogin_core::{Exit, Paths};
use piv_attest::Serial;
use piv_token::Error;

use crate::{Check, below, holders, keys, pin, usb};

const SERVICE: &str = "pcscd";
const ID: &str = "yubikey";
/// Where Debian's pcscd listens.
const SOCKET: &str = "/run/pcscd/pcscd.comm";

pub(crate) fn check(
    system: &Path,
    socket: Option<PathBuf>,
    serial: Option<Serial>,
    keys: &Keys,
    paths: &Paths,
) -> Vec<Check> {
    let found = match piv_token::list() {
        Ok(found) => found,
        Err(error) => return vec![trouble(system, socket, &error)],
    };
    let mut checks = vec![Check::ok(SERVICE, "the smart-card service answers")];
    let several = found.len() > 1;
    let mut yubikey = match piv_token::open(serial) {
        Ok(yubikey) => yubikey,
        Err(error) => {
            checks.push(trouble(system, socket, &error));
            return checks;
        }
    };
    let info = piv_token::Token::info(&yubikey).clone();
    let name = info.serial.map_or_else(
        || "without a serial number".to_owned(),
        |serial| serial.to_string(),
    );
    checks.push(Check::ok(
        ID,
        format!(
            "YubiKey {name}, firmware {}{}",
            info.firmware,
            if several { ", one of several" } else { "" }
        ),
    ));
    checks.extend(pin::check(&mut yubikey));
    checks.extend(keys::check(&mut yubikey, keys, paths));
    checks
}

/// What the error's own words do not say.
pub(crate) fn trouble(system: &Path, socket: Option<PathBuf>, error: &Error) -> Check {
    let fault = |id, what: String| Check::fault(id, Exit::Card, what);
    match error {
        Error::NoPcscd => no_service(system, socket),
        Error::NotPermitted => fault(
            SERVICE,
            "pcscd does not let you use smart cards (polkit)".to_owned(),
        )
        .todo(
            "log in at the computer itself, or have an administrator add a polkit rule for \
             org.debian.pcsc-lite.access_pcsc and access_card",
        ),
        Error::NoReader | Error::NoYubiKey { .. } => no_yubikey(system, error),
        Error::Busy { .. } => {
            let programs = holders::programs();
            let who = if programs.is_empty() {
                "a program of another user".to_owned()
            } else {
                programs.join(", ")
            };
            fault(
                "exclusive",
                format!("another program holds the YubiKey for itself; using cards now: {who}"),
            )
            .todo(
                "close it; GnuPG: gpgconf --kill scdaemon, and for good `disable-ccid` and \
                 `pcsc-shared` in ~/.gnupg/scdaemon.conf",
            )
        }
        Error::SeveralYubiKeys { .. } => fault(ID, error.to_string()).todo(
            "unplug the others, name one with --serial, or set serial in [keys] of config.toml",
        ),
        Error::NoSuchSerial { .. } => fault(ID, error.to_string())
            .todo("plug that one in, or change serial in [keys] of config.toml"),
        other => fault(ID, other.to_string()).todo("plug the YubiKey in again"),
    }
}

fn no_service(system: &Path, socket: Option<PathBuf>) -> Check {
    let named = socket.is_some();
    let socket = socket.unwrap_or_else(|| below(system, SOCKET));
    let shown = socket.display();
    let fault = |what| Check::fault(SERVICE, Exit::Card, what);
    if named && !socket.exists() {
        return fault(format!(
            "PCSCLITE_CSOCK_NAME names {shown}, which is not there"
        ))
        .todo("unset the variable, or start the pcscd that it belongs to");
    }
    if socket.exists() {
        return fault(format!("nobody answers on pcscd's socket {shown}"))
            .todo("sudo systemctl restart pcscd.socket pcscd.service, then `journalctl -u pcscd`");
    }
    let installed = ["/usr/sbin/pcscd", "/usr/bin/pcscd"]
        .iter()
        .any(|path| below(system, path).exists());
    if installed {
        fault(format!("pcscd is not running: {shown} is not there"))
            .todo("sudo systemctl enable --now pcscd.socket")
    } else {
        fault("pcscd, the smart-card service, is not installed".to_owned())
            .todo("sudo apt-get install pcscd")
    }
}

fn no_yubikey(system: &Path, error: &Error) -> Check {
    let fault = |id, what| Check::fault(id, Exit::Card, what);
    let plugged = usb::yubikeys(system);
    if let Some(key) = plugged.iter().find(|key| !key.ccid) {
        return fault(
            "ccid",
            format!(
                "a YubiKey is plugged in ({}), but its smart-card interface (CCID) is switched off",
                key.product
            ),
        )
        .todo("switch it on: ykman config usb --enable PIV, then plug it in again");
    }
    if let Some(key) = plugged.first() {
        return fault(
            "udev",
            format!(
                "a YubiKey is plugged in ({}), but pcscd has no reader for it",
                key.product
            ),
        )
        .todo(
            "install libccid and plug it in again; another program may hold its USB interface \
             (gpgconf --kill scdaemon), or pcscd may not open it (udev rules of libccid)",
        );
    }
    match error {
        Error::NoYubiKey { readers } => fault(
            ID,
            format!(
                "no YubiKey with PIV among the smart cards ({})",
                readers.join(", ")
            ),
        )
        .todo("plug in the YubiKey that you enrolled"),
        _ => fault(ID, "no YubiKey is plugged in".to_owned())
            .todo("plug it in; in a virtual machine, pass the USB device through"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(system: &Path, error: &Error) -> (&'static str, String) {
        let check = trouble(system, None, error);
        (check.id, format!("{} {}", check.what, check.todo.unwrap()))
    }

    #[test]
    fn a_service_that_is_missing_stopped_or_stuck_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let said = || said(dir.path(), &Error::NoPcscd).1;
        assert!(said().contains("apt-get install pcscd"));
        fs::create_dir_all(dir.path().join("usr/sbin")).unwrap();
        fs::write(dir.path().join("usr/sbin/pcscd"), "").unwrap();
        assert!(said().contains("enable --now pcscd.socket"));
        fs::create_dir_all(dir.path().join("run/pcscd")).unwrap();
        fs::write(dir.path().join("run/pcscd/pcscd.comm"), "").unwrap();
        assert!(said().contains("restart pcscd.socket"));
    }

    #[test]
    fn polkit_is_named() {
        let (id, said) = said(Path::new("/nowhere"), &Error::NotPermitted);
        assert_eq!(id, "pcscd");
        assert!(said.contains("polkit rule"), "{said}");
    }

    #[test]
    fn other_smart_cards_are_no_yubikey() {
        let readers = vec!["Some Reader 00".to_owned()];
        let (id, said) = said(Path::new("/nowhere"), &Error::NoYubiKey { readers });
        assert_eq!(id, "yubikey");
        assert!(said.contains("(Some Reader 00) plug in"), "{said}");
    }

    #[test]
    fn a_yubikey_that_only_the_kernel_sees_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(said(dir.path(), &Error::NoReader).0, "yubikey");
        let devices = dir.path().join("sys/bus/usb/devices");
        fs::create_dir_all(devices.join("1-1")).unwrap();
        fs::write(devices.join("1-1/idVendor"), "1050\n").unwrap();
        let (id, what) = said(dir.path(), &Error::NoReader);
        assert_eq!(id, "ccid");
        assert!(what.contains("ykman config usb"), "{what}");
        fs::create_dir_all(devices.join("1-1:1.0")).unwrap();
        fs::write(devices.join("1-1:1.0/bInterfaceClass"), "0b\n").unwrap();
        assert_eq!(said(dir.path(), &Error::NoReader).0, "udev");
    }
}
