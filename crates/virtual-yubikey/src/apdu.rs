//! Command and response APDUs (ISO/IEC 7816-4 §5).

/// The largest command data the card takes, chained or extended. A real key
/// holds objects of about 3 KB; an RSA-4096 import is below 1.5 KB.
pub(crate) const MAX_COMMAND_DATA: usize = 4096;

/// A command APDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) class: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Vec<u8>,
    /// How much the host can take in one response; 0 for a command without Le.
    pub(crate) expected: usize,
    /// Whether lengths are in the extended form.
    pub(crate) extended: bool,
}

impl Command {
    /// Reads a command in any of the seven forms ("cases") of ISO/IEC 7816-4 §5.2.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Status> {
        let (&[class, instruction, p1, p2], body) =
            bytes.split_first_chunk().ok_or(Status::WRONG_LENGTH)?;
        let (data, expected, extended): (&[u8], usize, bool) = match body {
            [] => (&[], 0, false),
            [le] => (&[], short_le(*le), false),
            [0, hi, lo] => (&[], extended_le(*hi, *lo), true),
            [0, hi, lo, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*hi, *lo]));
                let (data, tail) = rest.split_at_checked(length).ok_or(Status::WRONG_LENGTH)?;
                match tail {
                    [] => (data, 0, true),
                    [hi, lo] => (data, extended_le(*hi, *lo), true),
                    _ => return Err(Status::WRONG_LENGTH),
                }
            }
            [lc, rest @ ..] => {
                let (data, tail) = rest
                    .split_at_checked(usize::from(*lc))
                    .ok_or(Status::WRONG_LENGTH)?;
                match tail {
                    [] => (data, 0, false),
                    [le] => (data, short_le(*le), false),
                    _ => return Err(Status::WRONG_LENGTH),
                }
            }
        };
        if data.len() > MAX_COMMAND_DATA {
            return Err(Status::WRONG_LENGTH);
        }
        Ok(Self {
            class,
            instruction,
            p1,
            p2,
            data: data.to_vec(),
            expected,
            extended,
        })
    }

    /// Whether more parts of this command follow (command chaining, §5.3.3).
    pub(crate) fn is_chained(&self) -> bool {
        self.class & 0x10 != 0
    }
}

fn short_le(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

fn extended_le(hi: u8, lo: u8) -> usize {
    match u16::from_be_bytes([hi, lo]) {
        0 => 65_536,
        le => usize::from(le),
    }
}

/// A status word, "SW1 SW2".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const OK: Self = Self(0x9000);
    pub(crate) const WRONG_LENGTH: Self = Self(0x6700);
    /// Not authenticated, PIN not verified, or not touched in time.
    pub(crate) const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    pub(crate) const BLOCKED: Self = Self(0x6983);
    pub(crate) const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    pub(crate) const WRONG_DATA: Self = Self(0x6A80);
    pub(crate) const NOT_FOUND: Self = Self(0x6A82);
    pub(crate) const NO_SPACE: Self = Self(0x6A84);
    pub(crate) const WRONG_PARAMETERS: Self = Self(0x6A86);
    pub(crate) const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    pub(crate) const NOT_SUPPORTED: Self = Self(0x6D00);
    pub(crate) const CLASS_NOT_SUPPORTED: Self = Self(0x6E00);
    pub(crate) const FAILED: Self = Self(0x6F00);

    /// Wrong PIN or PUK, with so many tries left.
    pub(crate) fn tries_left(tries: u8) -> Self {
        Self(0x63C0 | u16::from(tries.min(15)))
    }

    /// So many more bytes can be had with GET RESPONSE.
    pub(crate) fn more(remaining: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(remaining).unwrap_or(0)))
    }

    /// A response without data.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(hex: &str) -> Result<(usize, usize, bool), Status> {
        Command::parse(&hex::decode(hex).unwrap()).map(|c| (c.data.len(), c.expected, c.extended))
    }

    #[test]
    fn all_seven_cases_of_iso_7816_4_are_read() {
        assert_eq!(parsed("00FD0000"), Ok((0, 0, false)));
        assert_eq!(parsed("00FD000000"), Ok((0, 256, false)));
        assert_eq!(parsed("00FD0000FF"), Ok((0, 255, false)));
        assert_eq!(parsed("00200080021234"), Ok((2, 0, false)));
        assert_eq!(parsed("0020008002123400"), Ok((2, 256, false)));
        assert_eq!(parsed("00FD0000000000"), Ok((0, 65_536, true)));
        assert_eq!(parsed("002000800000021234"), Ok((2, 0, true)));
        assert_eq!(parsed("0020008000000212340000"), Ok((2, 65_536, true)));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for wrong in [
            "",
            "00FD00",
            "002000800312",
            "00200080021234000000",
            "0020008000000412",
        ] {
            assert_eq!(parsed(wrong), Err(Status::WRONG_LENGTH), "{wrong}");
        }
        let mut large = vec![0, 0xDB, 0x3F, 0xFF, 0, 0x20, 0];
        large.resize(7 + 0x2000, 0);
        assert_eq!(Command::parse(&large), Err(Status::WRONG_LENGTH));
    }
}
