//! A length, and that many bytes.

use std::io::{self, Read, Write};

/// The longest frame that is read or written, in bytes.
pub const MAX_FRAME: usize = 1 << 20;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side closed the connection, or did not answer in time.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// Longer than any message.
    #[error("a message of {length} bytes: at most {MAX_FRAME} are read")]
    TooLong {
        /// What was announced.
        length: usize,
    },
}

/// Reads one frame; `None` where the other side closed in good order.
///
/// # Errors
/// [`FrameError`]. Nothing is reserved for a length that was only announced.
pub fn read_frame(from: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut first = [0; 1];
    loop {
        match from.read(&mut first) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut rest = [0; 3];
    from.read_exact(&mut rest)?;
    let [a] = first;
    let [b, c, d] = rest;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong { length });
    }
    let mut bytes = Vec::new();
    let read = from.take(length as u64).read_to_end(&mut bytes)?;
    if read < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Some(bytes))
}

/// Writes one frame.
///
/// # Errors
/// [`FrameError`].
pub fn write_frame(to: &mut impl Write, bytes: &[u8]) -> Result<(), FrameError> {
    let too_long = || FrameError::TooLong {
        length: bytes.len(),
    };
    if bytes.len() > MAX_FRAME {
        return Err(too_long());
    }
    let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
    // In one piece, so that the reader wakes once.
    let mut frame = Vec::with_capacity(bytes.len() + 4);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
    to.write_all(&frame)?;
    Ok(to.flush()?)
}
