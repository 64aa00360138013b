//! The messages of the OpenSSH agent protocol (draft-ietf-sshm-ssh-agent).

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::wire::{Malformed, Reader, Writer};

/// The longest message that is read, in bytes; OpenSSH's own limit.
pub const MAX_MESSAGE: usize = 256 * 1024;

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const LOCK: u8 = 22;
const UNLOCK: u8 = 23;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;

/// That a connection is for a session (PROTOCOL.agent, session-bind).
#[derive(Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The host key or certificate, in SSH's wire format.
    pub host_key: &'a [u8],
    /// The session's identifier.
    pub session: &'a [u8],
    /// The host's signature over it.
    pub signature: &'a [u8],
    /// Whether this agent is forwarded to that host.
    pub forwarding: bool,
}

/// What a client asks of an agent.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Which keys are there.
    Identities,
    /// Sign `data` with the key whose public half, or certificate, is `key`.
    Sign {
        /// The key, in SSH's wire format.
        key: &'a [u8],
        /// What to sign.
        data: &'a [u8],
        /// Which hash, for RSA.
        flags: u32,
    },
    /// Close up until the same secret comes again.
    Lock(Zeroizing<Vec<u8>>),
    /// Open again.
    Unlock(Zeroizing<Vec<u8>>),
    /// Which extensions are known.
    Query,
    /// This connection is for that session.
    SessionBind(Bind<'a>),
    /// Another extension.
    OtherExtension,
    /// Anything else: this agent has no keys to be added or removed.
    Other,
}

impl<'a> Request<'a> {
    /// Reads a message, without its length.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let request = match reader.byte()? {
            REQUEST_IDENTITIES => Self::Identities,
            SIGN_REQUEST => Self::Sign {
                key: reader.string()?,
                data: reader.string()?,
                flags: reader.u32()?,
            },
            LOCK => Self::Lock(Zeroizing::new(reader.string()?.to_vec())),
            UNLOCK => Self::Unlock(Zeroizing::new(reader.string()?.to_vec())),
            EXTENSION => match reader.string()? {
                b"query" => Self::Query,
                b"session-bind@openssh.com" => Self::SessionBind(Bind {
                    host_key: reader.string()?,
                    session: reader.string()?,
                    signature: reader.string()?,
                    forwarding: reader.flag()?,
                }),
                _ => return Ok(Self::OtherExtension),
            },
            _ => return Ok(Self::Other),
        };
        reader.end()?;
        Ok(request)
    }
}

/// A key as an agent lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key or certificate, in SSH's wire format.
    pub key: Vec<u8>,
    /// A word about it.
    pub comment: String,
}

/// What an agent answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// No.
    Failure,
    /// Done.
    Success,
    /// The keys.
    Identities(Vec<Listed>),
    /// A signature, in SSH's wire format.
    Signature(Vec<u8>),
    /// The extensions that are known.
    Extensions(Vec<&'static str>),
    /// The extension is known, and this was wrong.
    ExtensionFailure,
    /// What another agent answered.
    Forwarded(Vec<u8>),
}

impl Response {
    /// The message, without its length.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let kind = |kind: u8| Writer::default().byte(kind);
        match self {
            Self::Failure => kind(FAILURE).done(),
            Self::Success => kind(SUCCESS).done(),
            Self::ExtensionFailure => kind(EXTENSION_FAILURE).done(),
            Self::Signature(signature) => kind(SIGN_RESPONSE).string(&signature).done(),
            Self::Forwarded(message) => message,
            Self::Identities(listed) => {
                let number = u32::try_from(listed.len()).unwrap_or(u32::MAX);
                listed
                    .iter()
                    .fold(kind(IDENTITIES_ANSWER).u32(number), |writer, each| {
                        writer.string(&each.key).string(each.comment.as_bytes())
                    })
                    .done()
            }
            Self::Extensions(names) => names
                .iter()
                .fold(kind(EXTENSION_RESPONSE).string(b"query"), |writer, name| {
                    writer.string(name.as_bytes())
                })
                .done(),
        }
    }
}

/// The keys in another agent's answer; nothing where it said no.
///
/// # Errors
/// [`Malformed`].
pub fn listed(message: &[u8]) -> Result<Vec<Listed>, Malformed> {
    let mut reader = Reader::new(message);
    if reader.byte()? != IDENTITIES_ANSWER {
        return Ok(Vec::new());
    }
    let number = reader.u32()?;
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(Listed {
            key: reader.string()?.to_vec(),
            comment: String::from_utf8_lossy(reader.string()?).into_owned(),
        });
    }
    reader.end()?;
    Ok(all)
}

/// Reads a message; `None` where the other side closed in good order. Wiped
/// when dropped: it may hold the secret that locks the agent.
///
/// # Errors
/// Of the connection, and where the message is longer than [`MAX_MESSAGE`].
pub fn read(from: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut first = [0; 1];
    if from.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 3];
    from.read_exact(&mut rest)?;
    let ([a], [b, c, d]) = (first, rest);
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length == 0 || length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // What was only announced is not reserved; growing leaves no secret
    // behind, because secrets are short.
    let mut message = Zeroizing::new(Vec::with_capacity(length.min(4096)));
    let read = from.take(length as u64).read_to_end(&mut message)?;
    if read < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

/// Writes a message.
///
/// # Errors
/// Of the connection, and where the message is longer than [`MAX_MESSAGE`].
pub fn write(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    if message.len() > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    to.write_all(&Writer::default().string(message).done())?;
    to.flush()
}
