//! What a message that is to be signed says, for the person and for the rules.

use base64ct::{Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::host_key::HostKey;
use crate::wire::{Malformed, Reader};

/// How every message that answers a CA begins (`docs/protocol.md` §3, §11).
const OURS: &[u8] = b"ACME-YUBIKEY";

/// Whether only `dlogin` itself may have this signed: a challenge message, or a
/// bundle for enrolment. A login key that answers one is not what the person
/// thinks to touch for.
#[must_use]
pub fn answers_a_ca(message: &[u8]) -> bool {
    message.starts_with(OURS)
}

/// What a client of the agent protocol wants signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A login (RFC 4252 §7), also in OpenSSH's host-bound form.
    Login {
        /// The session.
        session: &'a [u8],
        /// As whom.
        user: &'a str,
        /// With which key or certificate, in SSH's wire format.
        key: &'a [u8],
        /// To the host with this key, where the message says so.
        host_key: Option<&'a [u8]>,
    },
    /// A signature over a file (PROTOCOL.sshsig).
    File {
        /// What it is good for: `git`, `file`.
        namespace: &'a str,
    },
    /// Nothing that we know.
    Unknown,
}

impl<'a> Content<'a> {
    /// Looks at the message.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        login(message)
            .or_else(|_| file(message))
            .unwrap_or(Self::Unknown)
    }
}

impl Content<'_> {
    /// It in words, with no other witness than the message; `None` where it says
    /// nothing that we understand.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Login { user, host_key, .. } => {
                let host = match host_key {
                    Some(key) => {
                        format!("host {} (says the client)", HostKey::of(key).fingerprint())
                    }
                    None => "a host that the client does not name".to_owned(),
                };
                Some(format!("SSH login as {} to {host}", printable(user)))
            }
            Self::File { namespace } => Some(format!(
                "SSH signature over a file, for {}",
                printable(namespace)
            )),
            Self::Unknown => None,
        }
    }
}

fn login(message: &[u8]) -> Result<Content<'_>, Malformed> {
    const USERAUTH_REQUEST: u8 = 50;
    let mut reader = Reader::new(message);
    let session = reader.string()?;
    if reader.byte()? != USERAUTH_REQUEST {
        return Err(Malformed);
    }
    let user = reader.text()?;
    if reader.string()? != b"ssh-connection" {
        return Err(Malformed);
    }
    let bound = match reader.string()? {
        b"publickey" => false,
        b"publickey-hostbound-v00@openssh.com" => true,
        _ => return Err(Malformed),
    };
    if !reader.flag()? {
        return Err(Malformed);
    }
    let _algorithm = reader.string()?;
    let key = reader.string()?;
    let host_key = if bound { Some(reader.string()?) } else { None };
    reader.end()?;
    Ok(Content::Login {
        session,
        user,
        key,
        host_key,
    })
}

fn file(message: &[u8]) -> Result<Content<'_>, Malformed> {
    let mut reader = Reader::new(message.strip_prefix(b"SSHSIG").ok_or(Malformed)?);
    let namespace = reader.text()?;
    let _reserved = reader.string()?;
    let _hash_name = reader.string()?;
    let _hash = reader.string()?;
    reader.end()?;
    Ok(Content::File { namespace })
}

/// A key as OpenSSH shows it: `SHA256:…`.
#[must_use]
pub fn fingerprint(key: &[u8]) -> String {
    format!(
        "SHA256:{}",
        Base64Unpadded::encode_string(&Sha256::digest(key))
    )
}

/// A stranger's text as it may be shown on a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    const LIMIT: usize = 80;
    text.chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(LIMIT)
        .collect()
}

/// Marks that turn or hide text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    fn userauth(method: &[u8], host_key: Option<&[u8]>) -> Vec<u8> {
        let writer = Writer::default()
            .string(b"session")
            .byte(50)
            .string(b"alice")
            .string(b"ssh-connection")
            .string(method)
            .byte(1)
            .string(b"ssh-ed25519")
            .string(b"key");
        match host_key {
            Some(key) => writer.string(key).done(),
            None => writer.done(),
        }
    }

    #[test]
    fn a_login_is_recognised_with_its_user_and_host() {
        let plain = userauth(b"publickey", None);
        let bound = userauth(b"publickey-hostbound-v00@openssh.com", Some(b"host"));
        for (message, host_key) in [(plain, None), (bound, Some(&b"host"[..]))] {
            assert_eq!(
                Content::of(&message),
                Content::Login {
                    session: b"session",
                    user: "alice",
                    key: b"key",
                    host_key
                }
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_login_is_unknown() {
        let mut longer = userauth(b"publickey", None);
        longer.push(0);
        assert_eq!(Content::of(&longer), Content::Unknown);
        assert_eq!(Content::of(&userauth(b"password", None)), Content::Unknown);
        assert_eq!(Content::of(b""), Content::Unknown);
    }

    #[test]
    fn a_signed_file_is_recognised_by_its_namespace() {
        let message = Writer::default()
            .string(b"git")
            .string(b"")
            .string(b"sha512")
            .string(&[0; 64])
            .done();
        let message = [b"SSHSIG", &message[..]].concat();
        assert_eq!(Content::of(&message), Content::File { namespace: "git" });
    }

    #[test]
    fn every_message_that_answers_a_ca_is_recognised() {
        for magic in [
            &b"ACME-YUBIKEY-01\0"[..],
            b"ACME-YUBIKEY-02\0",
            b"ACME-YUBIKEY-EN\0",
        ] {
            assert!(answers_a_ca(&[magic, &[0; 112]].concat()));
        }
        assert!(!answers_a_ca(&userauth(b"publickey", None)));
    }

    #[test]
    fn a_strangers_text_moves_no_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\n"), "a[2Jbc");
        assert_eq!(printable(&"x".repeat(500)).len(), 80);
    }
}
