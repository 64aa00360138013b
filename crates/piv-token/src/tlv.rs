//! BER-TLV as PIV cards speak it: one- and two-byte tags, lengths of up to
//! two bytes after the first.

use zeroize::Zeroizing;

/// One element: its tag and its value.
pub(crate) type Element<'a> = (u16, &'a [u8]);

/// The first element of `bytes`, and what follows it.
pub(crate) fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&t1, mut rest) = bytes.split_first()?;
    let mut tag = u16::from(t1);
    if t1 & 0x1f == 0x1f {
        let (&t2, r) = rest.split_first()?;
        tag = tag << 8 | u16::from(t2);
        rest = r;
    }
    let (&l, rest) = rest.split_first()?;
    let (length, rest) = match l {
        0..=0x7f => (usize::from(l), rest),
        0x81 => {
            let (&a, rest) = rest.split_first()?;
            (usize::from(a), rest)
        }
        0x82 => {
            let (&a, rest) = rest.split_first()?;
            let (&b, rest) = rest.split_first()?;
            (usize::from(a) << 8 | usize::from(b), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some(((tag, value), rest))
}

/// The value of the first element with this tag.
pub(crate) fn find(mut bytes: &[u8], tag: u16) -> Option<&[u8]> {
    while !bytes.is_empty() {
        let ((found, value), rest) = first(bytes)?;
        if found == tag {
            return Some(value);
        }
        bytes = rest;
    }
    None
}

/// Appends an element; `value` is at most 65535 bytes, as all of ours are.
pub(crate) fn push(to: &mut Zeroizing<Vec<u8>>, tag: u8, value: &[u8]) {
    to.push(tag);
    let length = value.len();
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => to.push(low),
        0x80..=0xff => to.extend_from_slice(&[0x81, low]),
        _ => to.extend_from_slice(&[0x82, high, low]),
    }
    to.extend_from_slice(value);
}

/// One element.
pub(crate) fn element(tag: u8, value: &[u8]) -> Zeroizing<Vec<u8>> {
    // Room for all at once, so that growing leaves no copy of a secret behind.
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() + 4));
    push(&mut out, tag, value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_round() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 3000] {
            let value = vec![7; length];
            let bytes = element(0x53, &value);
            let ((tag, found), rest) = first(&bytes).unwrap();
            assert_eq!((tag, found.len(), rest.len()), (0x53, length, 0));
        }
    }

    #[test]
    fn two_byte_tags_are_read() {
        let ((tag, value), _) = first(&[0x7f, 0x49, 0x01, 0x05]).unwrap();
        assert_eq!((tag, value), (0x7f49, &[5u8][..]));
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        for cut in [
            &[][..],
            &[0x53],
            &[0x53, 2, 1],
            &[0x53, 0x82, 1],
            &[0x53, 0x83, 0, 0, 0],
        ] {
            assert!(first(cut).is_none());
            assert!(find(cut, 0x53).is_none());
        }
    }
}
