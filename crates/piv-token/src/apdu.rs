//! Commands and answers (ISO/IEC 7816-4): chaining of long commands,
//! collecting of long answers, status words.

use crate::{Error, session};
use zeroize::Zeroizing;

/// The most that a card may answer to one command. The largest objects of the
/// PIV application have about 3 KiB.
const ANSWER_LIMIT: usize = 8 * 1024;

/// The most pieces in which it may answer; a piece may be empty.
const PIECES_LIMIT: usize = 64;

/// The most data in one APDU of a chain.
const CHUNK: usize = 255;

/// One command.
pub(crate) struct Command<'a> {
    /// What it is called in errors and logs.
    pub(crate) name: &'static str,
    pub(crate) ins: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: &'a [u8],
}

/// An answer: its data and the status words.
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    pub(crate) data: Zeroizing<Vec<u8>>,
    pub(crate) status: Status,
}

/// SW1 SW2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const OK: Self = Self(0x9000);
    pub(crate) const SECURITY_STATUS: Self = Self(0x6982);
    pub(crate) const BLOCKED: Self = Self(0x6983);
    pub(crate) const CONDITIONS: Self = Self(0x6985);
    pub(crate) const WRONG_DATA: Self = Self(0x6a80);
    pub(crate) const NOT_FOUND: Self = Self(0x6a82);
    pub(crate) const REFERENCE_NOT_FOUND: Self = Self(0x6a88);
    pub(crate) const WRONG_PARAMETERS: Self = Self(0x6b00);
    pub(crate) const UNKNOWN_INSTRUCTION: Self = Self(0x6d00);
    pub(crate) const NOT_SUPPORTED: Self = Self(0x6a81);

    /// The tries left, when that is what the status tells.
    pub(crate) fn tries_left(self) -> Option<u8> {
        match self {
            Self::BLOCKED => Some(0),
            Self(sw) if sw & 0xfff0 == 0x63c0 => Some((sw & 0xf) as u8),
            // Old firmware counts in the whole byte.
            Self(sw) if sw & 0xff00 == 0x6300 => Some((sw & 0xff) as u8),
            _ => None,
        }
    }
}

impl Answer {
    /// The data, if the card agreed.
    pub(crate) fn ok(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.status == Status::OK {
            Ok(self.data)
        } else {
            Err(self.refused())
        }
    }

    /// The error for a status that has no meaning of its own here.
    pub(crate) fn refused(&self) -> Error {
        Error::Status {
            command: self.name,
            status: self.status.0,
        }
    }
}

/// Whatever takes an APDU and answers it: a card in a transaction.
pub(crate) trait Channel {
    /// Sends one APDU; the answer ends with its status words.
    fn exchange(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, pcsc::Error>;
}

/// Sends a command, in as many pieces as it takes, and collects the answer.
///
/// Of a command only its name and its length are logged: the data may be a
/// PIN, a key, or what somebody signs.
pub(crate) fn transmit(channel: &mut dyn Channel, command: &Command<'_>) -> Result<Answer, Error> {
    let Command {
        name,
        ins,
        p1,
        p2,
        data,
    } = *command;
    let mut pieces = data.chunks(CHUNK).peekable();
    let mut raw = loop {
        let piece = pieces.next().unwrap_or_default();
        let last = pieces.peek().is_none();
        // A chain is marked in the class byte of all APDUs but its last.
        let class = if last { 0x00 } else { 0x10 };
        let length = u8::try_from(piece.len()).unwrap_or(u8::MAX);
        let mut apdu = Zeroizing::new(Vec::with_capacity(6 + piece.len()));
        apdu.extend_from_slice(&[class, ins, p1, p2]);
        if !piece.is_empty() {
            apdu.push(length);
            apdu.extend_from_slice(piece);
        }
        if piece.is_empty() {
            // Le, as much as there is. After data YubiKeys need none, and the
            // programs that they were tested with send none.
            apdu.push(0);
        }
        let raw = channel.exchange(&apdu).map_err(session::error)?;
        if last {
            break raw;
        }
        let status = split(&raw)
            .map(|(_, s)| s)
            .ok_or(Error::Answer { command: name })?;
        if status != Status::OK {
            break raw;
        }
    };

    let mut collected = Zeroizing::new(Vec::with_capacity(ANSWER_LIMIT));
    for _ in 0..PIECES_LIMIT {
        let (data, status) = split(&raw).ok_or(Error::Answer { command: name })?;
        if collected.len() + data.len() > ANSWER_LIMIT {
            return Err(Error::Answer { command: name });
        }
        collected.extend_from_slice(data);
        if status.0 >> 8 != 0x61 {
            tracing::trace!(
                command = name,
                sent = command.data.len(),
                received = collected.len(),
                status = format_args!("{:04x}", status.0),
                "apdu"
            );
            return Ok(Answer {
                name,
                data: collected,
                status,
            });
        }
        let more = [0x00, 0xc0, 0x00, 0x00, (status.0 & 0xff) as u8];
        raw = channel.exchange(&more).map_err(session::error)?;
    }
    Err(Error::Answer { command: name })
}

fn split(raw: &[u8]) -> Option<(&[u8], Status)> {
    let (data, status) = raw.split_last_chunk::<2>()?;
    Some((data, Status(u16::from_be_bytes(*status))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers from a list and remembers what it was sent.
    struct Script {
        answers: Vec<Vec<u8>>,
        sent: Vec<Vec<u8>>,
    }

    impl Channel for Script {
        fn exchange(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, pcsc::Error> {
            self.sent.push(apdu.to_vec());
            Ok(Zeroizing::new(self.answers.remove(0)))
        }
    }

    fn command(data: &[u8]) -> Command<'_> {
        Command {
            name: "TEST",
            ins: 0x87,
            p1: 1,
            p2: 2,
            data,
        }
    }

    #[test]
    fn a_long_command_goes_out_as_a_chain() {
        let mut card = Script {
            answers: vec![vec![0x90, 0], vec![5, 0x90, 0]],
            sent: vec![],
        };
        let answer = transmit(&mut card, &command(&[9; 300])).unwrap();
        assert_eq!(answer.ok().unwrap().as_slice(), &[5]);
        assert_eq!(card.sent[0].len(), 5 + 255);
        assert_eq!(card.sent[0][..5], [0x10, 0x87, 1, 2, 255]);
        assert_eq!(card.sent[1].len(), 5 + 45);
        assert_eq!(card.sent[1][..5], [0x00, 0x87, 1, 2, 45]);
    }

    #[test]
    fn a_long_answer_is_collected() {
        let mut card = Script {
            answers: vec![vec![1, 0x61, 2], vec![2, 3, 0x90, 0]],
            sent: vec![],
        };
        let answer = transmit(&mut card, &command(&[])).unwrap();
        assert_eq!(answer.ok().unwrap().as_slice(), &[1, 2, 3]);
        assert_eq!(card.sent[1], [0, 0xc0, 0, 0, 2]);
    }

    #[test]
    fn an_endless_answer_is_an_error() {
        let mut piece = vec![0; 256];
        piece.extend([0x61, 0]);
        let mut card = Script {
            answers: vec![piece; 64],
            sent: vec![],
        };
        assert_eq!(
            transmit(&mut card, &command(&[])).err(),
            Some(Error::Answer { command: "TEST" })
        );
    }

    #[test]
    fn an_endless_promise_of_an_answer_is_an_error() {
        let mut card = Script {
            answers: vec![vec![0x61, 0]; 1000],
            sent: vec![],
        };
        assert!(transmit(&mut card, &command(&[])).is_err());
        assert!(card.sent.len() < 100);
    }

    #[test]
    fn an_answer_without_status_is_an_error() {
        let mut card = Script {
            answers: vec![vec![0x90]],
            sent: vec![],
        };
        assert!(transmit(&mut card, &command(&[])).is_err());
    }

    #[test]
    fn tries_are_read_from_the_status() {
        assert_eq!(Status(0x63c3).tries_left(), Some(3));
        assert_eq!(Status(0x6983).tries_left(), Some(0));
        assert_eq!(Status(0x6303).tries_left(), Some(3));
        assert_eq!(Status::OK.tries_left(), None);
    }
}
