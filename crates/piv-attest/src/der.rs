//! A reader of strict DER (X.690 §10) that borrows, allocates nothing, and does not recurse.

use crate::{
    UnixTime,
    error::{Malformed, Rule},
};
use alloc::string::String;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A context-specific, constructed tag.
pub(crate) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) problem: Malformed,
}

impl From<Fault> for Rule {
    fn from(Fault { offset, problem }: Fault) -> Self {
        Self::Malformed { offset, problem }
    }
}

pub(crate) type Parsed<T> = Result<T, Fault>;

/// One element: its identifier octet, its contents, and itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// Offset of the identifier octet in the whole input.
    pub(crate) offset: usize,
    /// Identifier, length and contents.
    pub(crate) raw: &'a [u8],
    pub(crate) contents: &'a [u8],
}

impl<'a> Element<'a> {
    pub(crate) const fn fault(&self, problem: Malformed) -> Fault {
        Fault {
            offset: self.offset,
            problem,
        }
    }

    const fn contents_offset(&self) -> usize {
        self.offset + self.raw.len() - self.contents.len()
    }

    /// The elements inside.
    pub(crate) const fn reader(&self) -> Reader<'a> {
        Reader {
            bytes: self.contents,
            offset: self.contents_offset(),
        }
    }

    /// The elements inside, after the first `skip` bytes of contents.
    pub(crate) fn reader_after(&self, skip: usize) -> Reader<'a> {
        Reader {
            bytes: self.contents.get(skip..).unwrap_or_default(),
            offset: self.contents_offset() + skip,
        }
    }

    /// INTEGER from 0 up: its magnitude without leading zeros, at least one byte.
    pub(crate) fn unsigned(&self) -> Parsed<&'a [u8]> {
        unsigned_contents(self.contents).map_err(|problem| self.fault(problem))
    }

    /// INTEGER from 0 to 2⁶⁴-1.
    pub(crate) fn u64(&self) -> Parsed<u64> {
        let magnitude = self.unsigned()?;
        if magnitude.len() > 8 {
            return Err(self.fault(Malformed::TooLarge));
        }
        Ok(magnitude
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// BOOLEAN.
    pub(crate) fn boolean(&self) -> Parsed<bool> {
        match self.contents {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(self.fault(Malformed::Boolean)),
        }
    }

    /// BIT STRING of whole bytes, which is all that keys and signatures are.
    pub(crate) fn whole_bits(&self) -> Parsed<&'a [u8]> {
        match self.contents {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(self.fault(Malformed::UnusedBits)),
        }
    }

    /// OBJECT IDENTIFIER: its contents, every arc in its shortest form.
    pub(crate) fn oid(&self) -> Parsed<&'a [u8]> {
        let mut starts = true;
        for byte in self.contents {
            if starts && *byte == 0x80 {
                return Err(self.fault(Malformed::ObjectIdentifier));
            }
            starts = byte & 0x80 == 0;
        }
        if self.contents.is_empty() || !starts {
            return Err(self.fault(Malformed::ObjectIdentifier));
        }
        Ok(self.contents)
    }

    /// `Time` of RFC 5280 §4.1.2.5: UTCTime for the years 1950 to 2049, GeneralizedTime for all
    /// others, both in UTC with seconds and nothing finer.
    pub(crate) fn time(&self) -> Parsed<UnixTime> {
        let bad = || self.fault(Malformed::Time);
        let (year, rest) = match (self.tag, self.contents.len()) {
            (UTC_TIME, 13) => {
                let (year, rest) = self.contents.split_at_checked(2).ok_or_else(bad)?;
                let year = decimal(year).ok_or_else(bad)?;
                (
                    if year < 50 {
                        2_000 + year
                    } else {
                        1_900 + year
                    },
                    rest,
                )
            }
            (GENERALIZED_TIME, 15) => {
                let (year, rest) = self.contents.split_at_checked(4).ok_or_else(bad)?;
                let year = decimal(year).ok_or_else(bad)?;
                if (1_950..2_050).contains(&year) {
                    return Err(bad());
                }
                (year, rest)
            }
            _ => return Err(bad()),
        };
        let [m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, b'Z'] = *rest else {
            return Err(bad());
        };
        let two = |a, b| decimal(&[a, b]).ok_or_else(bad);
        let (month, day) = (two(m1, m2)?, two(d1, d2)?);
        let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => return Err(bad()),
        };
        if day == 0 || day > days || hour > 23 || minute > 59 || second > 59 {
            return Err(bad());
        }
        Ok(UnixTime::from_civil(
            year,
            month,
            day,
            hour * 3_600 + minute * 60 + second,
        ))
    }
}

/// The magnitude of an INTEGER's contents, from 0 up.
pub(crate) fn unsigned_contents(contents: &[u8]) -> Result<&[u8], Malformed> {
    match contents {
        [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed::Integer),
        [0x80..=0xff, ..] => Err(Malformed::Negative),
        [0x00, magnitude @ ..] if !magnitude.is_empty() => Ok(magnitude),
        magnitude => Ok(magnitude),
    }
}

fn decimal(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Reads element after element; offsets count from the start of the whole input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) const fn fault(&self, problem: Malformed) -> Fault {
        Fault {
            offset: self.offset,
            problem,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next element, of any type with a low tag number.
    pub(crate) fn any(&mut self) -> Parsed<Element<'a>> {
        let (tag, header, length) = match *self.bytes {
            [tag, ..] if tag & 0x1f == 0x1f => {
                return Err(self.fault(Malformed::Type {
                    expected: 0,
                    found: tag,
                }));
            }
            [tag, length @ 0x00..=0x7f, ..] => (tag, 2, usize::from(length)),
            [tag, 0x81, length @ 0x80..=0xff, ..] => (tag, 3, usize::from(length)),
            [tag, 0x82, high @ 0x01..=0xff, low, ..] => {
                (tag, 4, usize::from(high) << 8 | usize::from(low))
            }
            [tag, 0x83, high @ 0x01..=0xff, mid, low, ..] => (
                tag,
                5,
                usize::from(high) << 16 | usize::from(mid) << 8 | usize::from(low),
            ),
            // A prefix of one of the above, or a length that DER or this reader does not know.
            [] | [_] | [_, 0x81] | [_, 0x82] | [_, 0x82, 0x01..=0xff] | [_, 0x83] => {
                return Err(self.fault(Malformed::Truncated));
            }
            [_, 0x83, 0x01..=0xff] | [_, 0x83, 0x01..=0xff, _] => {
                return Err(self.fault(Malformed::Truncated));
            }
            _ => return Err(self.fault(Malformed::Length)),
        };
        let truncated = self.fault(Malformed::Truncated);
        let (raw, rest) = self
            .bytes
            .split_at_checked(header + length)
            .ok_or(truncated)?;
        let contents = raw.get(header..).ok_or(truncated)?;
        let element = Element {
            tag,
            offset: self.offset,
            raw,
            contents,
        };
        self.bytes = rest;
        self.offset += raw.len();
        Ok(element)
    }

    /// The next element, which must be of this type.
    pub(crate) fn expect(&mut self, tag: u8) -> Parsed<Element<'a>> {
        match self.bytes.first() {
            Some(found) if *found != tag => Err(self.fault(Malformed::Type {
                expected: tag,
                found: *found,
            })),
            _ => self.any(),
        }
    }

    /// The next element if it is of this type.
    pub(crate) fn optional(&mut self, tag: u8) -> Parsed<Option<Element<'a>>> {
        if self.bytes.first() == Some(&tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The inside of the next element, which must be of this type.
    pub(crate) fn enter(&mut self, tag: u8) -> Parsed<Reader<'a>> {
        Ok(self.expect(tag)?.reader())
    }

    /// Says that nothing may follow.
    pub(crate) fn finish(&self) -> Parsed<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.fault(Malformed::Trailing))
        }
    }
}

/// An object identifier in dotted decimals, for messages. Arcs beyond 64 bits are cut short.
pub(crate) fn dotted(oid: &[u8]) -> String {
    use core::fmt::Write;
    let mut text = String::new();
    let mut arc: u64 = 0;
    for byte in oid {
        arc = arc.wrapping_mul(128).wrapping_add(u64::from(byte & 0x7f));
        if byte & 0x80 != 0 {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = if text.is_empty() {
            let root = (arc / 40).min(2);
            write!(text, "{root}.{}", arc - root * 40)
        } else {
            write!(text, ".{arc}")
        };
        arc = 0;
    }
    text
}
