//! Extensions: the ones of attestation, with their exact lengths, and the two of issuers.
//!
//! | extension | contents | on |
//! |---|---|---|
//! | 1.3.6.1.4.1.41482.3.3 firmware | 3 raw bytes | leaf, f9 |
//! | 1.3.6.1.4.1.41482.3.7 serial number | DER INTEGER | leaf |
//! | 1.3.6.1.4.1.41482.3.8 PIN and touch policy | 2 raw bytes | leaf |
//! | 1.3.6.1.4.1.41482.3.9 form factor | 1 raw byte | leaf |
//! | 1.3.6.1.4.1.41482.3.10 FIPS certification | DER INTEGER of one byte | f9 |
//! | 1.3.6.1.4.1.41482.3.11 CSPN certification | DER INTEGER of one byte | f9 |
//! | 2.5.29.19 basicConstraints | RFC 5280 §4.2.1.9 | issuers |
//! | 2.5.29.15 keyUsage | RFC 5280 §4.2.1.3 | issuers |

use crate::{
    Firmware, FormFactor, PinPolicy, Serial, TouchPolicy,
    der::{self, Element, Parsed, Reader, dotted},
    error::{Malformed, Rule},
};

/// More than any certificate of a device or of its issuers has; genuine ones have at most 5.
const MAX_EXTENSIONS: usize = 16;

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// 1.3.6.1.4.1.41482.3, under which Yubico puts what PIV attests.
pub(crate) const YUBICO_PIV: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a, 0x03];

/// basicConstraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u64>,
}

/// What the known extensions say. Absent ones are absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    /// Whether keyUsage, if there is one, allows signing certificates.
    pub(crate) signs_certificates: Option<bool>,
    pub(crate) firmware: Option<Firmware>,
    pub(crate) serial: Option<Serial>,
    pub(crate) policies: Option<(PinPolicy, TouchPolicy)>,
    pub(crate) form_factor: Option<FormFactor>,
    pub(crate) fips: bool,
    pub(crate) cspn: bool,
}

/// The fields of an Extension that are left when its identifier is read: critical and contents.
pub(crate) fn read_octets<'a>(fields: &mut Reader<'a>) -> Parsed<(bool, Element<'a>)> {
    let critical = match fields.optional(der::BOOLEAN)? {
        Some(flag) if flag.boolean()? => true,
        Some(flag) => return Err(flag.fault(Malformed::DefaultEncoded)),
        None => false,
    };
    let value = fields.expect(der::OCTET_STRING)?;
    fields.finish()?;
    Ok((critical, value))
}

impl Extensions {
    /// Reads the inside of `[3]`.
    pub(crate) fn parse(mut outer: Reader<'_>) -> Result<Self, Rule> {
        let list = outer.expect(der::SEQUENCE)?;
        outer.finish()?;
        let mut list = list.reader();
        if list.is_empty() {
            // RFC 5280 §4.1: SIZE (1..MAX).
            return Err(list.fault(Malformed::Fields).into());
        }
        let mut found = Self::default();
        let mut seen: [&[u8]; MAX_EXTENSIONS] = [&[]; MAX_EXTENSIONS];
        let mut count = 0;
        while !list.is_empty() {
            let mut fields = list.enter(der::SEQUENCE)?;
            let oid = fields.expect(der::OBJECT_IDENTIFIER)?.oid()?;
            let (critical, value) = read_octets(&mut fields)?;
            // No identifier is empty, so the places that are still free match none.
            if seen.contains(&oid) {
                return Err(Rule::DuplicateExtension { oid: dotted(oid) });
            }
            *seen.get_mut(count).ok_or(Rule::TooManyExtensions {
                max: MAX_EXTENSIONS,
            })? = oid;
            count += 1;
            let known = found.read(oid, value)?;
            if critical && !known {
                return Err(Rule::UnknownCriticalExtension { oid: dotted(oid) });
            }
        }
        Ok(found)
    }

    /// Takes in one extension; false if it is not known.
    fn read(&mut self, oid: &[u8], value: Element<'_>) -> Result<bool, Rule> {
        match oid {
            BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            KEY_USAGE => self.signs_certificates = Some(signs_certificates(value)?),
            _ => match oid.strip_prefix(YUBICO_PIV) {
                Some([3]) => {
                    let [major, minor, patch] = exactly("firmware", value.contents)?;
                    self.firmware = Some(Firmware::new(major, minor, patch));
                }
                Some([7]) => self.serial = Some(serial(value)?),
                Some([8]) => {
                    let [pin, touch] = exactly("PIN and touch policy", value.contents)?;
                    self.policies = Some((
                        PinPolicy::from_byte(pin).ok_or(unknown("PIN policy", pin))?,
                        TouchPolicy::from_byte(touch).ok_or(unknown("touch policy", touch))?,
                    ));
                }
                Some([9]) => {
                    let [form] = exactly("form factor", value.contents)?;
                    let known = FormFactor::from_byte(form);
                    self.form_factor = Some(known.ok_or(unknown("form factor", form))?);
                }
                Some([10]) => {
                    certification("FIPS certification", value)?;
                    self.fips = true;
                }
                Some([11]) => {
                    certification("CSPN certification", value)?;
                    self.cspn = true;
                }
                _ => return Ok(false),
            },
        }
        Ok(true)
    }
}

fn exactly<const N: usize>(extension: &'static str, contents: &[u8]) -> Result<[u8; N], Rule> {
    let found = contents.len();
    contents.try_into().map_err(|_| Rule::ExtensionLength {
        extension,
        expected: N,
        found,
    })
}

const fn unknown(extension: &'static str, value: u8) -> Rule {
    Rule::ExtensionValue { extension, value }
}

fn serial(value: Element<'_>) -> Result<Serial, Rule> {
    let parse = || {
        let mut inner = value.reader();
        let number = inner.expect(der::INTEGER)?.u64()?;
        inner.finish()?;
        Ok(Serial::new(number))
    };
    parse().map_err(|fault: der::Fault| Rule::DeviceSerial {
        problem: fault.problem,
    })
}

/// The number of a certification, which is known to this crate only by being there.
fn certification(extension: &'static str, value: Element<'_>) -> Result<(), Rule> {
    let [tag, length, number] = exactly(extension, value.contents)?;
    match (tag, length, number) {
        (der::INTEGER, 1, 0..=0x7f) => Ok(()),
        _ => Err(value.fault(Malformed::Integer).into()),
    }
}

fn basic_constraints(value: Element<'_>) -> Parsed<BasicConstraints> {
    let mut inner = value.reader();
    let mut fields = inner.enter(der::SEQUENCE)?;
    inner.finish()?;
    let is_ca = match fields.optional(der::BOOLEAN)? {
        Some(flag) if flag.boolean()? => true,
        Some(flag) => return Err(flag.fault(Malformed::DefaultEncoded)),
        None => false,
    };
    let path_length = match fields.optional(der::INTEGER)? {
        Some(limit) => Some(limit.u64()?),
        None => None,
    };
    fields.finish()?;
    // A path length belongs to authorities only.
    if path_length.is_some() && !is_ca {
        return Err(value.fault(Malformed::Fields));
    }
    Ok(BasicConstraints { is_ca, path_length })
}

/// Bit 5 of keyUsage. A named bit list in DER ends with its last bit that is one (X.690 §11.2.2).
fn signs_certificates(value: Element<'_>) -> Parsed<bool> {
    let mut inner = value.reader();
    let bits = inner.expect(der::BIT_STRING)?;
    inner.finish()?;
    let bad = bits.fault(Malformed::UnusedBits);
    let (unused, last, first) = match *bits.contents {
        [unused @ 0..=7, only] => (unused, only, only),
        // decipherOnly, the ninth bit, is all that a second byte can hold.
        [unused @ 7, first, last] => (unused, last, first),
        _ => return Err(bad),
    };
    if last.trailing_zeros() != u32::from(unused) {
        return Err(bad);
    }
    Ok(first & 0b0000_0100 != 0)
}
