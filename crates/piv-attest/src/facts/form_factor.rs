//! The shape of the device.

use super::{ParseFactError, serde_as_text};
use core::{fmt, str::FromStr};

/// The body and connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Body {
    /// USB-A keychain.
    UsbAKeychain = 1,
    /// USB-A nano.
    UsbANano = 2,
    /// USB-C keychain.
    UsbCKeychain = 3,
    /// USB-C nano.
    UsbCNano = 4,
    /// USB-C and Lightning (5Ci).
    UsbCLightning = 5,
    /// USB-A with a fingerprint reader.
    UsbABio = 6,
    /// USB-C with a fingerprint reader.
    UsbCBio = 7,
}

const BODIES: [(Body, &str); 7] = [
    (Body::UsbAKeychain, "USB-A keychain"),
    (Body::UsbANano, "USB-A nano"),
    (Body::UsbCKeychain, "USB-C keychain"),
    (Body::UsbCNano, "USB-C nano"),
    (Body::UsbCLightning, "USB-C/Lightning"),
    (Body::UsbABio, "USB-A bio"),
    (Body::UsbCBio, "USB-C bio"),
];

/// What the form factor byte says: a body, and whether the device is of the FIPS series.
///
/// Display, [`FromStr`] and serde use the byte and its name: `0x83 USB-C keychain FIPS`;
/// the byte alone (`0x83`) is read too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormFactor {
    body: Body,
    fips_series: bool,
}

impl FormFactor {
    const FIPS: u8 = 0x80;

    /// From a body, and whether the device is of the FIPS series.
    #[must_use]
    pub const fn new(body: Body, fips_series: bool) -> Self {
        Self { body, fips_series }
    }

    /// The form factor that this byte of the extension stands for, if it is a known one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        let body = match byte & !Self::FIPS {
            1 => Body::UsbAKeychain,
            2 => Body::UsbANano,
            3 => Body::UsbCKeychain,
            4 => Body::UsbCNano,
            5 => Body::UsbCLightning,
            6 => Body::UsbABio,
            7 => Body::UsbCBio,
            _ => return None,
        };
        Some(Self {
            body,
            fips_series: byte & Self::FIPS != 0,
        })
    }

    /// The byte of the extension.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self.body as u8 | if self.fips_series { Self::FIPS } else { 0 }
    }

    /// Body and connector.
    #[must_use]
    pub const fn body(self) -> Body {
        self.body
    }

    /// Whether the device was sold as one of the FIPS series. Whether the hardware is certified
    /// is said by the device's own certificate: [`fips`](crate::VerifiedAttestation::fips).
    #[must_use]
    pub const fn fips_series(self) -> bool {
        self.fips_series
    }
}

impl fmt::Display for FormFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = BODIES
            .iter()
            .find(|(body, _)| *body == self.body)
            .map_or("", |(_, name)| name);
        write!(f, "{:#04x} {name}", self.as_byte())?;
        if self.fips_series {
            f.write_str(" FIPS")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for FormFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormFactor({self})")
    }
}

impl FromStr for FormFactor {
    type Err = ParseFactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = ParseFactError {
            what: "form factor",
            expected: "a byte and its name, as in `0x03 USB-C keychain`, or the byte alone",
        };
        (1..=255u8)
            .filter_map(Self::from_byte)
            .find(|known| {
                use alloc::string::ToString;
                let full = known.to_string();
                full == text || full.split(' ').next() == Some(text)
            })
            .ok_or(bad)
    }
}

serde_as_text!(FormFactor);

#[cfg(test)]
mod tests {
    use super::{Body, FormFactor};
    use alloc::{format, string::ToString};

    #[test]
    fn fourteen_bytes_are_known_and_read_back() {
        let known = (0..=255u8).filter_map(FormFactor::from_byte);
        assert_eq!(known.clone().count(), 14);
        for form in known {
            assert_eq!(form.to_string().parse(), Ok(form));
            assert_eq!(format!("{:#04x}", form.as_byte()).parse(), Ok(form));
            assert_eq!(FormFactor::from_byte(form.as_byte()), Some(form));
            assert_eq!(FormFactor::new(form.body(), form.fips_series()), form);
        }
        let fips = FormFactor::new(Body::UsbCKeychain, true);
        assert_eq!(fips.to_string(), "0x83 USB-C keychain FIPS");
        assert_eq!(format!("{fips:?}"), "FormFactor(0x83 USB-C keychain FIPS)");
        for bad in ["", "0x00", "0x08", "0x43", "USB-C keychain", "3"] {
            assert!(bad.parse::<FormFactor>().is_err(), "{bad}");
        }
    }
}
