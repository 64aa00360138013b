//! PKCS#12 files (RFC 7292), for the certificate stores of other systems.
//!
//! One set of algorithms: the oldest that is not broken in practice, because
//! it is the one that everything reads. macOS 13 refuses AES and
//! SHA-256 in such files ("wrong password"), and so does Windows before
//! version 1709. So keys and certificates are encrypted with three-key 3DES
//! (`pbeWithSHAAnd3-KeyTripleDES-CBC`), and the whole is authenticated with
//! HMAC-SHA-1; both keys come from the password by [`ITERATIONS`] rounds. What
//! protects such a file is its password: a generated one has 128 bits.

mod encode;
mod kdf;

use aws_lc_rs::{hmac, rand};
use dlogin_core::Exit;
use encode::{bmp_string, integer, octets, oid, sequence, tlv};
use kdf::{Purpose, derive, encrypt};
use zeroize::Zeroizing;

/// Rounds of SHA-1 for each derived key.
pub const ITERATIONS: u32 = 100_000;
/// Bytes of random salt. macOS stumbles over longer ones.
const SALT: usize = 8;

/// No file was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not certificates in PEM.
    #[error("the certificate on disk is not PEM: remove it with `dlogin logout` and log in again")]
    Certificate,
    /// Not a PKCS#8 key in PEM.
    #[error("the key on disk is not PEM: remove it with `dlogin logout` and log in again")]
    Key,
    /// An empty password protects nothing, and systems disagree what it is.
    #[error("an empty password protects nothing: choose another")]
    EmptyPassword,
    /// The system has no randomness.
    #[error("the operating system could not give randomness")]
    Random,
    /// The two passwords that were typed are not the same.
    #[error("the two passwords differ: try again")]
    PasswordsDiffer,
}

impl Error {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Certificate | Self::Key => Exit::Input,
            Self::EmptyPassword | Self::PasswordsDiffer => Exit::Usage,
            Self::Random => Exit::Internal,
        }
    }
}

/// A password that nobody guesses: 128 bits, in groups that can be typed.
///
/// # Errors
/// [`Error::Random`].
pub fn password() -> Result<Zeroizing<String>, Error> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = Zeroizing::new([0; 26]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| Error::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(32));
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        let digit = DIGITS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        text.push(char::from(digit));
    }
    Ok(text)
}

/// Puts a chain of certificates (PEM, the leaf first) and its key (PEM,
/// PKCS#8) into a PKCS#12 file, under `name`.
///
/// # Errors
/// [`Error`].
pub fn make(chain: &str, key: &str, name: &str, password: &str) -> Result<Vec<u8>, Error> {
    if password.is_empty() {
        return Err(Error::EmptyPassword);
    }
    let certificates = read_chain(chain)?;
    let (label, key) = pem_rfc7468::decode_vec(key.as_bytes()).map_err(|_| Error::Key)?;
    let key = Zeroizing::new(key);
    if label != "PRIVATE KEY" {
        return Err(Error::Key);
    }
    let password = kdf::password(password);

    let mut bags = Vec::new();
    for (at, certificate) in certificates.iter().enumerate() {
        let attributes = if at == 0 {
            attributes(name, true)
        } else {
            attributes(&ca_name(name), false)
        };
        let certificate = sequence(&[
            oid(encode::X509_CERTIFICATE),
            tlv(0xa0, &octets(certificate)),
        ]);
        bags.push(bag(encode::CERT_BAG, &certificate, &attributes));
    }
    let (algorithm, ciphertext) = protect(&sequence(&bags), &password)?;
    let encrypted = sequence(&[
        integer(0),
        sequence(&[oid(encode::DATA), algorithm, tlv(0x80, &ciphertext)]),
    ]);
    let certificates = sequence(&[oid(encode::ENCRYPTED_DATA), tlv(0xa0, &encrypted)]);

    let (algorithm, ciphertext) = protect(&key, &password)?;
    let shrouded = sequence(&[algorithm, octets(&ciphertext)]);
    let keys = sequence(&[bag(
        encode::SHROUDED_KEY_BAG,
        &shrouded,
        &attributes(name, true),
    )]);

    let safe = sequence(&[certificates, data(&keys)]);
    let salt = salt()?;
    let mac_key = derive(&password, &salt, Purpose::Mac, 20);
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &mac_key),
        &safe,
    );
    let digest = sequence(&[
        sequence(&[oid(encode::SHA1), tlv(0x05, &[])]),
        octets(mac.as_ref()),
    ]);
    Ok(sequence(&[
        integer(3),
        data(&safe),
        sequence(&[digest, octets(&salt), integer(ITERATIONS)]),
    ]))
}

/// What the certificates above the leaf are called.
#[must_use]
pub fn ca_name(name: &str) -> String {
    format!("{name} CA")
}

fn read_chain(pem: &str) -> Result<Vec<Vec<u8>>, Error> {
    const END: &str = "-----END CERTIFICATE-----";
    let mut chain = Vec::new();
    for block in pem.split_inclusive(END) {
        let block = block.trim();
        if block.is_empty() {
            continue;
        }
        let (label, der) =
            pem_rfc7468::decode_vec(block.as_bytes()).map_err(|_| Error::Certificate)?;
        if label != "CERTIFICATE" {
            return Err(Error::Certificate);
        }
        chain.push(der);
    }
    if chain.is_empty() {
        return Err(Error::Certificate);
    }
    Ok(chain)
}

fn salt() -> Result<[u8; SALT], Error> {
    let mut salt = [0; SALT];
    rand::fill(&mut salt).map_err(|_| Error::Random)?;
    Ok(salt)
}

/// The algorithm with its parameters, and the ciphertext.
fn protect(plain: &[u8], password: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let salt = salt()?;
    let parameters = sequence(&[octets(&salt), integer(ITERATIONS)]);
    let algorithm = sequence(&[oid(encode::PBE_SHA1_3DES), parameters]);
    Ok((algorithm, encrypt(plain, password, &salt)))
}

fn data(content: &[u8]) -> Vec<u8> {
    sequence(&[oid(encode::DATA), tlv(0xa0, &octets(content))])
}

fn bag(kind: &[u8], value: &[u8], attributes: &[u8]) -> Vec<u8> {
    sequence(&[oid(kind), tlv(0xa0, value), tlv(0x31, attributes)])
}

/// `friendlyName`, and what joins a key with its certificate.
fn attributes(name: &str, joined: bool) -> Vec<u8> {
    let friendly = sequence(&[oid(encode::FRIENDLY_NAME), tlv(0x31, &bmp_string(name))]);
    if !joined {
        return friendly;
    }
    let id = sequence(&[oid(encode::LOCAL_KEY_ID), tlv(0x31, &octets(&[1]))]);
    // A SET OF is sorted; the two differ in their length first.
    let mut both = [friendly, id];
    both.sort();
    both.concat()
}

#[cfg(test)]
mod tests;
