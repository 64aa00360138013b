//! The message that one touch signs.

use std::fmt;

use crate::{
    ask::Detail,
    challenge::{ChallengeType, ChallengeValue, ChallengeValueError},
};

/// The most entries that one message may have.
pub const MAX_ENTRIES: usize = 16;

const ENTRY_LEN: usize = ChallengeValue::LEN + 32;

/// One challenge together with what is asked for in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The challenge value.
    pub value: ChallengeValue,
    /// The digest of what is asked for.
    pub detail: Detail,
}

/// The signed message: entries, then the thumbprint of the ACME account key.
///
/// It has 1 to 16 entries, all of one type, no challenge value twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    kind: ChallengeType,
    entries: Vec<Entry>,
    thumbprint: [u8; 32],
    bytes: Vec<u8>,
}

impl Message {
    /// The longest message, in bytes.
    pub const MAX_LEN: usize = MAX_ENTRIES * ENTRY_LEN + 32;

    /// The client's half: joins what is to be signed by one touch.
    /// `thumbprint` is the RFC 7638 SHA-256 thumbprint of the account key.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn new(entries: Vec<Entry>, thumbprint: [u8; 32]) -> Result<Self, MessageError> {
        let Some(first) = entries.first() else {
            return Err(MessageError::NoEntry);
        };
        if entries.len() > MAX_ENTRIES {
            return Err(MessageError::TooManyEntries {
                count: entries.len(),
            });
        }
        let kind = first.value.kind();
        for (index, entry) in entries.iter().enumerate() {
            if entry.value.kind() != kind {
                return Err(MessageError::MixedTypes { index });
            }
            if entries
                .iter()
                .take(index)
                .any(|other| other.value == entry.value)
            {
                return Err(MessageError::EntryTwice { index });
            }
        }
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY_LEN + thumbprint.len());
        for entry in &entries {
            bytes.extend_from_slice(&entry.value.to_bytes());
            bytes.extend_from_slice(&entry.detail.0);
        }
        bytes.extend_from_slice(&thumbprint);
        Ok(Self {
            kind,
            entries,
            thumbprint,
            bytes,
        })
    }

    /// The server's half: reads a message.
    ///
    /// # Errors
    /// [`MessageError`]; length and magic are looked at before anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let length = MessageError::Length { len: bytes.len() };
        let (body, thumbprint) = bytes.split_last_chunk::<32>().ok_or(length)?;
        let chunks = body.chunks_exact(ENTRY_LEN);
        if !chunks.remainder().is_empty() {
            return Err(length);
        }
        if chunks.len() > MAX_ENTRIES {
            return Err(MessageError::TooManyEntries {
                count: chunks.len(),
            });
        }
        let mut entries = Vec::with_capacity(chunks.len());
        for (index, chunk) in chunks.enumerate() {
            let (value, detail) = chunk
                .split_last_chunk::<32>()
                .map_or((chunk, [0; 32]), |(v, d)| (v, *d));
            let value = ChallengeValue::from_bytes(value)
                .map_err(|error| MessageError::Value { index, error })?;
            entries.push(Entry {
                value,
                detail: Detail(detail),
            });
        }
        Self::new(entries, *thumbprint)
    }

    /// The bytes to sign.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The type of all its entries.
    #[must_use]
    pub const fn kind(&self) -> ChallengeType {
        self.kind
    }

    /// The entries, in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The thumbprint of the account key.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

/// Why bytes or entries are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The length is not 96·n + 32.
    #[error("a message has 96 bytes for each entry and 32 more; this one has {len}")]
    Length {
        /// How many bytes there are.
        len: usize,
    },
    /// No entry.
    #[error("the message has no entry")]
    NoEntry,
    /// More than [`MAX_ENTRIES`].
    #[error(
        "the message has {count} entries; at most {MAX_ENTRIES} are allowed, sign several messages"
    )]
    TooManyEntries {
        /// How many there are.
        count: usize,
    },
    /// An entry does not start with a challenge value.
    #[error("entry {index} of the message: {error}")]
    Value {
        /// Which entry, from 0.
        index: usize,
        /// What is wrong with it.
        error: ChallengeValueError,
    },
    /// An entry is of another type than the first.
    #[error("entry {index} of the message is of another type than the first")]
    MixedTypes {
        /// Which entry, from 0.
        index: usize,
    },
    /// A challenge value stands in two entries.
    #[error("entry {index} of the message repeats an earlier challenge")]
    EntryTwice {
        /// Which entry, from 0.
        index: usize,
    },
}

#[cfg(test)]
mod tests;
