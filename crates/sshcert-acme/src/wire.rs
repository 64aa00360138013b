//! The SSH wire encoding (RFC 4251 §5), bounded.

use crate::error::ReadError;

/// Appends the SSH encodings to a buffer.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn string(&mut self, bytes: &[u8]) -> &mut Self {
        // Everything that is written here was bounded far below 2³² bytes before.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A positive number from its big-endian magnitude.
    pub(crate) fn mpint(&mut self, magnitude: &[u8]) -> &mut Self {
        let start = magnitude.iter().position(|byte| *byte != 0);
        let shortest = start
            .and_then(|start| magnitude.get(start..))
            .unwrap_or_default();
        match shortest.first() {
            Some(first) if first & 0x80 != 0 => self.string(&[&[0], shortest].concat()),
            _ => self.string(shortest),
        }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads the SSH encodings from a slice.
#[derive(Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], ReadError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, ReadError> {
        std::str::from_utf8(self.string()?).map_err(|_| ReadError::NotText)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ReadError> {
        let bytes = self.take(4)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ReadError> {
        let bytes = self.take(8)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A positive number in its shortest form, as its big-endian magnitude.
    pub(crate) fn mpint(&mut self) -> Result<&'a [u8], ReadError> {
        match self.string()? {
            [0, magnitude @ ..] if magnitude.first().is_some_and(|b| b & 0x80 != 0) => {
                Ok(magnitude)
            }
            [0, ..] | [] | [0x80..=0xff, ..] => Err(ReadError::Number),
            magnitude => Ok(magnitude),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn finish(&self) -> Result<(), ReadError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(ReadError::Trailing)
        }
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ReadError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}
