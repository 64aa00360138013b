//! YubiKeys as the kernel sees them, whatever pcscd sees.

use std::fs;
use std::path::Path;

/// Yubico's vendor number.
const YUBICO: &str = "1050";
/// The class of smart-card readers.
const CCID: &str = "0b";

/// A YubiKey on USB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usb {
    pub(crate) product: String,
    /// Whether it offers the interface that PIV is behind.
    pub(crate) ccid: bool,
}

/// All of them, from `/sys`.
pub(crate) fn yubikeys(system: &Path) -> Vec<Usb> {
    let Ok(entries) = fs::read_dir(crate::below(system, "/sys/bus/usb/devices")) else {
        return Vec::new();
    };
    let folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    folders
        .iter()
        .filter(|folder| read(&folder.join("idVendor")) == YUBICO)
        .map(|folder| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let interface = format!("{name}:");
            let ccid = folders.iter().any(|other| {
                other
                    .file_name()
                    .is_some_and(|other| other.to_string_lossy().starts_with(&interface))
                    && read(&other.join("bInterfaceClass")) == CCID
            });
            Usb {
                product: read(&folder.join("product")),
                ccid,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yubikey_without_ccid_is_told_from_one_with() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(yubikeys(dir.path()), []);
        let devices = dir.path().join("sys/bus/usb/devices");
        let write = |name: &str, content: &str| {
            let path = devices.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{content}\n")).unwrap();
        };
        write("1-1/idVendor", "1050");
        write("1-1/product", "YubiKey OTP+FIDO");
        write("1-1:1.0/bInterfaceClass", "03");
        write("1-10/idVendor", "046d");
        write("1-10:1.0/bInterfaceClass", "0b");
        let expected = |ccid| {
            [Usb {
                product: "YubiKey OTP+FIDO".to_owned(),
                ccid,
            }]
        };
        assert_eq!(yubikeys(dir.path()), expected(false));
        write("1-1:1.2/bInterfaceClass", "0b");
        assert_eq!(yubikeys(dir.path()), expected(true));
    }
}
