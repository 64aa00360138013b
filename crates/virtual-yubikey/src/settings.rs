//! What kind of YubiKey to be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Firmware version, such as 5.7.4. It decides what the key can do, which
/// management key it starts with and how its attestations are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Firmware {
    /// Before the first dot.
    pub major: u8,
    /// Between the dots.
    pub minor: u8,
    /// After the second dot.
    pub patch: u8,
}

impl Firmware {
    /// 5.4.3: management key 3DES, up to RSA-2048. `yubico-piv-tool` of Debian 12 needs it.
    pub const V5_4_3: Self = Self::new(5, 4, 3);
    /// 5.7.4: management key AES-192, up to RSA-4096, Ed25519.
    pub const V5_7_4: Self = Self::new(5, 7, 4);

    /// The version `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    pub(crate) fn bytes(self) -> [u8; 3] {
        [self.major, self.minor, self.patch]
    }

    /// From 5.7.4 keys are made under Yubico's second hierarchy, with other names.
    pub(crate) fn has_new_hierarchy(self) -> bool {
        self >= Self::V5_7_4
    }

    /// RSA-3072 and 4096, Ed25519, X25519, move and delete key, AES as default.
    pub(crate) fn is_5_7(self) -> bool {
        self >= Self::new(5, 7, 0)
    }

    pub(crate) fn has_metadata(self) -> bool {
        self >= Self::new(5, 3, 0)
    }

    pub(crate) fn has_aes(self) -> bool {
        self >= Self::new(5, 4, 0)
    }

    pub(crate) fn has_attestation(self) -> bool {
        self >= Self::new(4, 3, 0)
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text is no firmware version this crate can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no firmware version of a YubiKey 4 or 5; write it as in 5.7.4")]
pub struct InvalidFirmware(String);

impl FromStr for Firmware {
    type Err = InvalidFirmware;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidFirmware(s.to_owned());
        let mut parts = s.split('.').map(|part| part.parse::<u8>().ok());
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major @ 4..=5)), Some(Some(minor)), Some(Some(patch)), None) => {
                Ok(Self::new(major, minor, patch))
            }
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Firmware {
    type Error = InvalidFirmware;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Firmware> for String {
    fn from(firmware: Firmware) -> Self {
        firmware.to_string()
    }
}

/// The shape of the key, as its attestations and its management application say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FormFactor {
    /// USB-A, on a key ring.
    UsbAKeychain,
    /// USB-A, stays in the computer.
    UsbANano,
    /// USB-C, on a key ring.
    UsbCKeychain,
    /// USB-C, stays in the computer.
    UsbCNano,
    /// USB-C and Lightning.
    UsbCLightning,
    /// USB-A with fingerprint reader.
    UsbABio,
    /// USB-C with fingerprint reader.
    UsbCBio,
}

impl FormFactor {
    /// The number that stands for it (without the FIPS bit 0x80).
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::UsbAKeychain => 1,
            Self::UsbANano => 2,
            Self::UsbCKeychain => 3,
            Self::UsbCNano => 4,
            Self::UsbCLightning => 5,
            Self::UsbABio => 6,
            Self::UsbCBio => 7,
        }
    }
}

/// Which cipher the management key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ManagementKeyType {
    /// Three-key 3DES, the default before 5.7.
    TripleDes,
    /// AES with 128 bits.
    Aes128,
    /// AES with 192 bits, the default from 5.7.
    Aes192,
    /// AES with 256 bits.
    Aes256,
}

/// Everything that is set at the factory.
///
/// ```
/// use virtual_yubikey::{Firmware, FormFactor, Settings};
///
/// let settings = Settings::new(Firmware::V5_7_4)
///     .serial(20_000_001)
///     .form_factor(FormFactor::UsbCNano);
/// assert_eq!(settings.serial, Some(20_000_001));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Firmware version.
    pub firmware: Firmware,
    /// Serial number; some series of keys show none.
    pub serial: Option<u32>,
    /// Shape.
    pub form_factor: FormFactor,
    /// Certified hardware of the FIPS series.
    pub fips: bool,
    /// Cipher of the management key.
    pub management_key: ManagementKeyType,
    /// How long a touch is waited for, and how long a cached one lasts. 15 s on a real key.
    pub touch_timeout: Duration,
    /// How long each use of a private key takes, beside the arithmetic. A real
    /// key takes about 100 ms for P-256; zero here unless asked for.
    pub sign_delay: Duration,
}

impl Settings {
    /// A USB-C key with this firmware, serial number 12345678 and what its
    /// firmware has by default.
    #[must_use]
    pub fn new(firmware: Firmware) -> Self {
        Self {
            firmware,
            serial: Some(12_345_678),
            form_factor: FormFactor::UsbCKeychain,
            fips: false,
            management_key: if firmware.is_5_7() {
                ManagementKeyType::Aes192
            } else {
                ManagementKeyType::TripleDes
            },
            touch_timeout: Duration::from_secs(15),
            sign_delay: Duration::ZERO,
        }
    }

    /// With this serial number.
    #[must_use]
    pub fn serial(mut self, serial: u32) -> Self {
        self.serial = Some(serial);
        self
    }

    /// Without a serial number.
    #[must_use]
    pub fn no_serial(mut self) -> Self {
        self.serial = None;
        self
    }

    /// In this shape.
    #[must_use]
    pub fn form_factor(mut self, form_factor: FormFactor) -> Self {
        self.form_factor = form_factor;
        self
    }

    /// Of the FIPS series.
    #[must_use]
    pub fn fips(mut self) -> Self {
        self.fips = true;
        self
    }

    /// With another cipher for the management key than the firmware's default.
    #[must_use]
    pub fn management_key(mut self, management_key: ManagementKeyType) -> Self {
        self.management_key = management_key;
        self
    }

    /// With less patience than 15 s, so that tests need not have it either.
    #[must_use]
    pub fn touch_timeout(mut self, timeout: Duration) -> Self {
        self.touch_timeout = timeout;
        self
    }

    /// With private-key operations that take this much longer.
    #[must_use]
    pub fn sign_delay(mut self, delay: Duration) -> Self {
        self.sign_delay = delay;
        self
    }

    /// The form factor as one byte, with the FIPS bit.
    pub(crate) fn form_factor_byte(&self) -> u8 {
        self.form_factor.code() | if self.fips { 0x80 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_is_three_numbers_of_a_yubikey_4_or_5() {
        assert_eq!("5.7.4".parse(), Ok(Firmware::V5_7_4));
        assert_eq!("4.3.5".parse(), Ok(Firmware::new(4, 3, 5)));
        for wrong in ["", "5", "5.7", "5.7.4.1", "3.4.0", "5.7.256", "5.7.x"] {
            assert!(wrong.parse::<Firmware>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_management_key_is_aes_from_5_7() {
        let of =
            |major, minor, patch| Settings::new(Firmware::new(major, minor, patch)).management_key;
        assert_eq!(of(5, 4, 3), ManagementKeyType::TripleDes);
        assert_eq!(of(5, 7, 0), ManagementKeyType::Aes192);
    }
}
