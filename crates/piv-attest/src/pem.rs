//! Certificates as PEM text (RFC 7468).

use crate::{
    Backend, Error, UnixTime, VerifiedAttestation, Verifier,
    error::{Place, Rule},
};
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};

/// Longer text is not read.
pub const MAX_PEM: usize = 256 * 1_024;

/// More certificates in one text are not read.
const MAX_BLOCKS: usize = 256;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The DER of every certificate in a PEM text, in order. Explanatory text outside the blocks is
/// skipped (RFC 7468 §2); blocks of another kind are not. What is in the blocks is not looked at.
///
/// # Errors
/// At [`Place::Pem`]: text longer than [`MAX_PEM`], more than 256 certificates, none, another kind
/// of block, a block without end, or one that is not canonical base64.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    read(text).map_err(|rule| Error::new(Place::Pem, rule))
}

impl<B: Backend> Verifier<B> {
    /// Verifies a PEM bundle: the leaf first, then the certificate of the device and any others.
    ///
    /// # Errors
    /// As [`certificates_from_pem`] and [`verify`](Self::verify).
    pub fn verify_pem(&self, text: &[u8], now: UnixTime) -> Result<VerifiedAttestation, Error> {
        let certificates = certificates_from_pem(text)?;
        let (leaf, others) = certificates
            .split_first()
            .ok_or(Error::new(Place::Pem, Rule::Empty))?;
        let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
        self.verify(leaf, &others, now)
    }
}

fn read(text: &[u8]) -> Result<Vec<Vec<u8>>, Rule> {
    if text.len() > MAX_PEM {
        return Err(Rule::TooLong {
            max: MAX_PEM,
            found: text.len(),
        });
    }
    let mut certificates = Vec::new();
    let mut body: Option<Vec<u8>> = None;
    let mut offset = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let trimmed = line.trim_ascii();
        match &mut body {
            None if trimmed == BEGIN => body = Some(Vec::new()),
            None if trimmed.starts_with(b"-----") => return Err(Rule::PemLabel { offset }),
            None => {}
            Some(base64) if trimmed == END => {
                // Not in place: that would let stray bits pass in the last character.
                let mut der = alloc::vec![0; base64.len()];
                let length = Base64::decode(base64, &mut der)
                    .map_err(|_| Rule::NotPem { offset })?
                    .len();
                der.truncate(length);
                body = None;
                if certificates.len() == MAX_BLOCKS {
                    return Err(Rule::TooMany {
                        max: MAX_BLOCKS,
                        found: MAX_BLOCKS + 1,
                    });
                }
                certificates.push(der);
            }
            Some(base64) => base64.extend(trimmed.iter().filter(|b| !b.is_ascii_whitespace())),
        }
        offset += line.len() + 1;
    }
    if body.is_some() {
        return Err(Rule::NotPem { offset: text.len() });
    }
    if certificates.is_empty() {
        return Err(Rule::Empty);
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::{MAX_PEM, certificates_from_pem};
    use crate::error::{Place, Rule};
    use alloc::{string::String, vec};

    fn rule(text: &[u8]) -> Rule {
        let error = certificates_from_pem(text).expect_err("not PEM");
        assert_eq!(error.at(), Place::Pem);
        error.rule().clone()
    }

    const TWO: &str = "subject=x\r\n-----BEGIN CERTIFICATE-----\r\nMAA=\r\n-----END CERTIFICATE-----\r\n\
                       text between\n-----BEGIN CERTIFICATE-----\nMAMC\nAQE=\n-----END CERTIFICATE-----";

    #[test]
    fn blocks_are_read_in_order_and_text_around_them_is_skipped() {
        let certificates = certificates_from_pem(TWO.as_bytes()).expect("two blocks");
        assert_eq!(certificates, [vec![0x30, 0], vec![0x30, 3, 2, 1, 1]]);
    }

    #[test]
    fn each_fault_has_its_rule() {
        assert_eq!(rule(b""), Rule::Empty);
        assert_eq!(rule(b"no block"), Rule::Empty);
        let key = b"x\n-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert_eq!(rule(key), Rule::PemLabel { offset: 2 });
        let cut = TWO.trim_end_matches("-----END CERTIFICATE-----");
        assert_eq!(rule(cut.as_bytes()), Rule::NotPem { offset: cut.len() });
        for bad in [
            "MAB=",
            "MAA",
            "M=A=",
            "MA A==",
            "MAA=MAA=",
            "-----BEGIN CERTIFICATE-----",
        ] {
            let text = TWO.replace("MAA=", bad);
            assert!(
                matches!(rule(text.as_bytes()), Rule::NotPem { offset: 45.. }),
                "{bad}"
            );
        }
    }

    #[test]
    fn text_and_number_of_blocks_are_bounded() {
        let long = vec![b'A'; MAX_PEM + 1];
        assert_eq!(
            rule(&long),
            Rule::TooLong {
                max: MAX_PEM,
                found: MAX_PEM + 1
            }
        );
        let block = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let many: String = core::iter::repeat_n(block, 257).collect();
        assert_eq!(
            rule(many.as_bytes()),
            Rule::TooMany {
                max: 256,
                found: 257
            }
        );
    }
}
