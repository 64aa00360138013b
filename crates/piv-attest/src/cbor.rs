//! A reader of the CBOR (RFC 8949) that attestation objects use: definite lengths in their
//! shortest form, no tags, no floats, no nesting beyond what is asked for.

use crate::{
    der::{Fault, Parsed},
    error::Malformed,
};

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Reads item after item; offsets count from the start of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cbor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cbor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) const fn fault(&self, problem: Malformed) -> Fault {
        Fault {
            offset: self.offset,
            problem,
        }
    }

    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let truncated = self.fault(Malformed::Truncated);
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(truncated)?;
        self.bytes = rest;
        self.offset += length;
        Ok(taken)
    }

    /// The major type and argument of the next item (§3), the argument in its shortest form.
    fn head(&mut self) -> Parsed<(u8, u64)> {
        let start = *self;
        let initial = *self
            .take(1)?
            .first()
            .ok_or(start.fault(Malformed::Truncated))?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let (length, least) = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(start.fault(Malformed::Length)),
        };
        let argument = self
            .take(length)?
            .iter()
            .fold(0, |sum, b| sum << 8 | u64::from(*b));
        if argument < least {
            return Err(start.fault(Malformed::Length));
        }
        Ok((major, argument))
    }

    fn expect(&mut self, expected: u8) -> Parsed<u64> {
        let start = *self;
        match self.head()? {
            (found, argument) if found == expected => Ok(argument),
            (found, _) => Err(start.fault(Malformed::Type { expected, found })),
        }
    }

    fn string(&mut self, major: u8) -> Parsed<&'a [u8]> {
        let start = *self;
        let length = self.expect(major)?;
        let length = usize::try_from(length).map_err(|_| start.fault(Malformed::Truncated))?;
        self.take(length)
    }

    pub(crate) fn byte_string(&mut self) -> Parsed<&'a [u8]> {
        self.string(BYTES)
    }

    pub(crate) fn text(&mut self) -> Parsed<&'a str> {
        let start = *self;
        core::str::from_utf8(self.string(TEXT)?).map_err(|_| start.fault(Malformed::Text))
    }

    /// The number of entries of a map, or elements of an array, that follow.
    pub(crate) fn map(&mut self) -> Parsed<u64> {
        self.expect(MAP)
    }

    pub(crate) fn array(&mut self) -> Parsed<u64> {
        self.expect(ARRAY)
    }

    pub(crate) fn integer(&mut self) -> Parsed<i64> {
        let start = *self;
        let (negative, argument) = match self.head()? {
            (UNSIGNED, argument) => (false, argument),
            (NEGATIVE, argument) => (true, argument),
            (found, _) => {
                return Err(start.fault(Malformed::Type {
                    expected: NEGATIVE,
                    found,
                }));
            }
        };
        let number = i64::try_from(argument).map_err(|_| start.fault(Malformed::TooLarge))?;
        Ok(if negative { -1 - number } else { number })
    }

    pub(crate) const fn finish(&self) -> Parsed<()> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.fault(Malformed::Trailing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cbor;
    use crate::error::Malformed;

    #[test]
    fn integers_are_those_of_rfc_8949_appendix_a() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x17], 23),
            (&[0x18, 0x18], 24),
            (&[0x19, 0x03, 0xe8], 1_000),
            (&[0x26], -7),
            (&[0x38, 0x63], -100),
            (&[0x39, 0x01, 0x00], -257),
            (
                &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0],
                1_000_000_000_000,
            ),
            (
                &[0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                i64::MAX,
            ),
            (
                &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                i64::MIN,
            ),
        ] {
            let mut reader = Cbor::new(bytes);
            assert_eq!(reader.integer(), Ok(number));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn faults_are_told_apart_and_placed() {
        let problem = |bytes: &[u8]| Cbor::new(bytes).byte_string().expect_err("bad").problem;
        assert_eq!(problem(&[]), Malformed::Truncated);
        assert_eq!(problem(&[0x42, 1]), Malformed::Truncated);
        assert_eq!(problem(&[0x58]), Malformed::Truncated);
        assert_eq!(problem(&[0x58, 23]), Malformed::Length);
        assert_eq!(problem(&[0x59, 0, 255]), Malformed::Length);
        assert_eq!(problem(&[0x5a, 0, 0, 255, 255]), Malformed::Length);
        assert_eq!(
            problem(&[0x5b, 0, 0, 0, 0, 255, 255, 255, 255]),
            Malformed::Length
        );
        assert_eq!(
            problem(&[0x5b, 255, 255, 255, 255, 255, 255, 255, 255]),
            Malformed::Truncated
        );
        assert_eq!(problem(&[0x5f, 0x41, 0, 0xff]), Malformed::Length);
        assert_eq!(
            problem(&[0x61, b'a']),
            Malformed::Type {
                expected: 2,
                found: 3
            }
        );
        let large = [0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            Cbor::new(&large).integer().expect_err("bad").problem,
            Malformed::TooLarge
        );
        assert_eq!(
            Cbor::new(&[0x61, 0xff]).text().expect_err("bad").problem,
            Malformed::Text
        );
        assert_eq!(
            Cbor::new(&[0x40]).integer().expect_err("bad").problem,
            Malformed::Type {
                expected: 1,
                found: 2
            }
        );
        let mut reader = Cbor::new(&[0x41, 7, 0x40, 0]);
        assert_eq!(reader.byte_string(), Ok(&[7][..]));
        assert_eq!(reader.byte_string(), Ok(&[][..]));
        assert_eq!(reader.finish(), Err(reader.fault(Malformed::Trailing)));
        assert_eq!(reader.fault(Malformed::Trailing).offset, 3);
    }

    #[test]
    fn texts_maps_and_arrays() {
        assert_eq!(Cbor::new(b"\x64step").text(), Ok("step"));
        assert_eq!(Cbor::new(&[0xa2]).map(), Ok(2));
        assert_eq!(Cbor::new(&[0x83]).array(), Ok(3));
        assert!(Cbor::new(&[0x83]).map().is_err());
    }
}
