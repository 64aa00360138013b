//! Tag-length-value, as BER, DER and the PIV commands share it.
//!
//! Reads one- and two-byte tags and lengths up to 65,535; more never occurs here.

/// `tag`, the length of `value`, `value`.
pub(crate) fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(6 + value.len());
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
    let length = value.len().to_be_bytes();
    match value.len() {
        0..0x80 => out.extend(length.last()),
        0x80..0x100 => {
            out.push(0x81);
            out.extend(length.last());
        }
        0x100..0x1_0000 => {
            out.push(0x82);
            out.extend(length.last_chunk::<2>().into_iter().flatten());
        }
        _ => {
            out.push(0x83);
            out.extend(length.last_chunk::<3>().into_iter().flatten());
        }
    }
    out.extend_from_slice(value);
    out
}

/// One element and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u16,
    pub(crate) value: &'a [u8],
    /// The element with tag and length.
    pub(crate) whole: &'a [u8],
    pub(crate) rest: &'a [u8],
}

/// The first element of `bytes`, if there is a whole one.
pub(crate) fn first(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, mut after) = bytes.split_first()?;
    let mut tag = u16::from(tag);
    // A tag whose low five bits are set goes on in the next byte. 5C, 7E and the like do not.
    if tag & 0x1F == 0x1F {
        let (&low, rest) = after.split_first()?;
        tag = (tag << 8) | u16::from(low);
        after = rest;
    }
    let (&length, mut after) = after.split_first()?;
    let length = match length {
        0..=0x7F => usize::from(length),
        0x81 => {
            let (&l, rest) = after.split_first()?;
            after = rest;
            usize::from(l)
        }
        0x82 => {
            let (&l, rest) = after.split_first_chunk::<2>()?;
            after = rest;
            usize::from(u16::from_be_bytes(l))
        }
        _ => return None,
    };
    let (value, rest) = after.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - rest.len())?;
    Some(Element {
        tag,
        value,
        whole,
        rest,
    })
}

/// All elements of `bytes`, or nothing if they do not fill it exactly.
pub(crate) fn all(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let element = first(bytes)?;
        bytes = element.rest;
        elements.push(element);
    }
    Some(elements)
}

/// The value of the first element with this tag.
pub(crate) fn find<'a>(elements: &[Element<'a>], tag: u16) -> Option<&'a [u8]> {
    elements.iter().find(|e| e.tag == tag).map(|e| e.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 3000] {
            for tag in [0x53, 0x7C, 0x7F49] {
                let value = vec![0xA5; length];
                let bytes = tlv(tag, &value);
                let element = first(&bytes).unwrap();
                assert_eq!((element.tag, element.value), (tag, value.as_slice()));
                assert_eq!(element.whole, bytes);
                assert!(element.rest.is_empty());
                for cut in 0..bytes.len() {
                    assert_eq!(first(&bytes[..cut]), None);
                }
            }
        }
    }

    #[test]
    fn trailing_bytes_are_no_elements() {
        assert_eq!(all(&[0x53, 0x00, 0x99]), None);
        assert_eq!(all(&[]).unwrap(), []);
        assert_eq!(
            find(&all(&[0x80, 1, 7, 0x81, 0]).unwrap(), 0x81),
            Some(&[][..])
        );
    }
}
