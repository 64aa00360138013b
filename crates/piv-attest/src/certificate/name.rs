//! Distinguished names (RFC 5280 §4.1.2.4), compared byte for byte.

use crate::der::{self, Element, Parsed};
use crate::error::Malformed;
use alloc::string::String;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// More attributes than any name here needs.
const MAX_ATTRIBUTES: usize = 16;

/// A name as its DER, with the common name if it has exactly one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) raw: &'a [u8],
    common_name: Option<&'a str>,
    attributes: usize,
}

impl<'a> Name<'a> {
    pub(crate) fn parse(name: Element<'a>) -> Parsed<Self> {
        let mut common_name = None;
        let mut attributes = 0;
        let mut rdns = name.reader();
        while !rdns.is_empty() {
            let set = rdns.expect(der::SET)?;
            let mut members = set.reader();
            let mut previous: &[u8] = &[];
            if members.is_empty() {
                return Err(set.fault(Malformed::Fields));
            }
            while !members.is_empty() {
                let member = members.expect(der::SEQUENCE)?;
                if member.raw < previous {
                    return Err(member.fault(Malformed::SetOrder));
                }
                previous = member.raw;
                attributes += 1;
                if attributes > MAX_ATTRIBUTES {
                    return Err(member.fault(Malformed::Fields));
                }
                let mut pair = member.reader();
                let oid = pair.expect(der::OBJECT_IDENTIFIER)?.oid()?;
                let value = pair.any()?;
                pair.finish()?;
                if oid == COMMON_NAME {
                    if common_name.is_some() {
                        return Err(member.fault(Malformed::Fields));
                    }
                    common_name = Some(directory_string(value)?);
                }
            }
        }
        Ok(Self {
            raw: name.raw,
            common_name,
            attributes,
        })
    }

    /// The common name, if the name is nothing else.
    pub(crate) fn sole_common_name(&self) -> Option<&'a str> {
        if self.attributes == 1 {
            self.common_name
        } else {
            None
        }
    }

    /// The common name for people, without characters that could fool a terminal.
    pub(crate) fn printable(&self) -> String {
        let shown = self.common_name.unwrap_or("(no common name)");
        shown
            .chars()
            .take(64)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect()
    }
}

/// A DirectoryString of the two types that RFC 5280 §4.1.2.4 wants.
fn directory_string(value: Element<'_>) -> Parsed<&str> {
    let bad = value.fault(Malformed::Text);
    let text = core::str::from_utf8(value.contents).map_err(|_| bad)?;
    let printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    let known = match value.tag {
        der::UTF8_STRING => true,
        der::PRINTABLE_STRING => text.chars().all(printable),
        _ => false,
    };
    if known && !text.is_empty() {
        Ok(text)
    } else {
        Err(bad)
    }
}
