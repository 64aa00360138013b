//! The OpenSSH agent protocol (draft-ietf-sshm-ssh-agent), as a client has it. Written
//! anew: the agent's own parser is what is judged.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::{Failure, Result};

/// What an agent answers that does not do it.
pub const FAILURE: [u8; 1] = [5];
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;
/// What an agent answers that knows an extension and says no.
pub const EXTENSION_FAILURE: [u8; 1] = [28];

/// A connection. The signing service has the same frames: four bytes of length, and
/// the message.
#[derive(Debug)]
pub struct Connection(UnixStream);

impl Connection {
    /// Connects.
    pub fn to(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(stream))
    }

    /// One message and its answer.
    pub fn exchange(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        self.0.write_all(&string(message))?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }
}

/// One message and its answer, on a connection of its own.
pub fn exchange(socket: &Path, message: &[u8]) -> Result<Vec<u8>> {
    Connection::to(socket)?.exchange(message)
}

/// The keys and certificates that the agent lists, in SSH's wire format.
pub fn listed(socket: &Path) -> Result<Vec<Vec<u8>>> {
    let answer = exchange(socket, &[REQUEST_IDENTITIES])?;
    let cut = || Failure::new("the agent's list is cut off");
    let (head, mut rest) = answer.split_first_chunk::<5>().ok_or_else(cut)?;
    if head.first() != Some(&IDENTITIES_ANSWER) {
        return Err(Failure::new(format!("no list but {head:?}")));
    }
    let mut keys = Vec::new();
    while !rest.is_empty() {
        keys.push(take(&mut rest).ok_or_else(cut)?.to_vec());
        let _comment = take(&mut rest).ok_or_else(cut)?;
    }
    Ok(keys)
}

/// Has `data` signed by the key or certificate `key`; the signature, in SSH's format.
pub fn sign(socket: &Path, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let answer = exchange(socket, &sign_request(key, data))?;
    match answer.split_first() {
        Some((&SIGN_RESPONSE, mut rest)) => take(&mut rest)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| Failure::new("the signature is cut off")),
        _ => Err(Failure::new(format!("not signed: {answer:?}"))),
    }
}

/// The request alone, without flags.
#[must_use]
pub fn sign_request(key: &[u8], data: &[u8]) -> Vec<u8> {
    [&[SIGN_REQUEST][..], &string(key), &string(data), &[0; 4]].concat()
}

/// That the connection is for a session of the host with this key (PROTOCOL.agent).
#[must_use]
pub fn session_bind(key: &[u8], session: &[u8], signature: &[u8], forwarding: bool) -> Vec<u8> {
    [
        &[EXTENSION][..],
        &string(b"session-bind@openssh.com"),
        &string(key),
        &string(session),
        &string(signature),
        &[u8::from(forwarding)],
    ]
    .concat()
}

/// A string as RFC 4251 §5 has it.
#[must_use]
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// The next string; `None` where it is cut off.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(string)
}
