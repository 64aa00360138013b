//! What driver and card say to each other on the card's Unix socket.
//!
//! A connection begins with one byte that says what it is for:
//!
//! - [`COMMANDS`]: the driver sends a [`Request`], the card answers with one
//!   frame, and so on. The card closes the connection when it is unplugged.
//! - [`EVENTS`]: the driver only listens. The card sends [`PLUGGED`] or
//!   [`UNPLUGGED`] at once and again at every change.
//!
//! A frame is a length (4 bytes, big-endian) and that many bytes.

use std::io::{self, Read, Write};

/// First byte of a connection that carries requests.
pub const COMMANDS: u8 = b'C';
/// First byte of a connection that carries presence events.
pub const EVENTS: u8 = b'E';
/// Event: the card is in the reader.
pub const PLUGGED: u8 = 1;
/// Event: the card was taken out.
pub const UNPLUGGED: u8 = 0;

/// Largest frame either side accepts. An extended APDU is at most 65,544 bytes.
pub const MAX_FRAME: usize = 66 * 1024;

/// What the driver asks of the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Give power; the card forgets its session and answers with its ATR.
    PowerUp,
    /// Take power; the card forgets its session. The answer is empty.
    PowerDown,
    /// A command APDU; the answer is a response APDU.
    Transmit(Vec<u8>),
}

const POWER_UP: u8 = 1;
const POWER_DOWN: u8 = 2;
const TRANSMIT: u8 = 3;

impl Request {
    /// Writes the request as one frame.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let frame = match self {
            Self::PowerUp => vec![POWER_UP],
            Self::PowerDown => vec![POWER_DOWN],
            Self::Transmit(apdu) => {
                let mut frame = Vec::with_capacity(1 + apdu.len());
                frame.push(TRANSMIT);
                frame.extend_from_slice(apdu);
                frame
            }
        };
        write_frame(to, &frame)
    }

    /// Reads one request.
    ///
    /// # Errors
    /// Those of the stream; `InvalidData` if the frame is no request.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let frame = read_frame(from)?;
        match frame.split_first() {
            Some((&POWER_UP, [])) => Ok(Self::PowerUp),
            Some((&POWER_DOWN, [])) => Ok(Self::PowerDown),
            Some((&TRANSMIT, apdu)) => Ok(Self::Transmit(apdu.to_vec())),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a request of the reader driver",
            )),
        }
    }
}

/// Writes one frame, in one write: two would wait for each other's
/// acknowledgement on some transports.
///
/// # Errors
/// Those of the stream; `InvalidInput` if the frame is larger than [`MAX_FRAME`].
pub fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= MAX_FRAME)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "frame too large"))?;
    let mut frame = Vec::with_capacity(4 + bytes.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads one frame.
///
/// # Errors
/// Those of the stream; `InvalidData` if a frame larger than [`MAX_FRAME`] is announced.
pub fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length))
        .ok()
        .filter(|length| *length <= MAX_FRAME)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "frame too large"))?;
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_wire() {
        for request in [
            Request::PowerUp,
            Request::PowerDown,
            Request::Transmit(vec![0, 0xA4, 4, 0]),
            Request::Transmit(Vec::new()),
        ] {
            let mut wire = Vec::new();
            request.write(&mut wire).unwrap();
            assert_eq!(Request::read(&mut wire.as_slice()).unwrap(), request);
        }
    }

    #[test]
    fn a_frame_that_announces_too_much_is_refused_before_memory_is_taken() {
        let mut wire: &[u8] = &[0xFF, 0xFF, 0xFF, 0xFF, 0];
        let error = read_frame(&mut wire).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(write_frame(&mut Vec::new(), &vec![0; MAX_FRAME + 1]).is_err());
    }

    #[test]
    fn unknown_requests_are_refused() {
        for body in [&[][..], &[0], &[9, 1], &[POWER_UP, 0]] {
            let mut wire = Vec::new();
            write_frame(&mut wire, body).unwrap();
            assert!(Request::read(&mut wire.as_slice()).is_err());
        }
    }
}
