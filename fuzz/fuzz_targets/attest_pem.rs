//! PEM text. What is read, written again, reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piv_attest::{MAX_PEM, UnixTime, Verifier, certificates_from_pem};
use std::sync::LazyLock;

static YUBICO: LazyLock<Verifier> = LazyLock::new(Verifier::yubico);

fuzz_target!(|text: &[u8]| {
    let now = UnixTime::from_secs(1_764_000_000);
    let _ = YUBICO.verify_pem(text, now);
    let Ok(certificates) = certificates_from_pem(text) else {
        return;
    };
    assert!(text.len() <= MAX_PEM && certificates.len() <= 256);
    let mut again = String::new();
    for certificate in &certificates {
        again += "-----BEGIN CERTIFICATE-----\n";
        again += &base64(certificate);
        again += "\n-----END CERTIFICATE-----\n";
    }
    assert_eq!(certificates_from_pem(again.as_bytes()), Ok(certificates));
});

/// The other way round, written here so that it shares nothing with what is tested.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 0x3f;
            text.push(if place > chunk.len() {
                '='
            } else {
                char::from(ALPHABET[index as usize])
            });
        }
    }
    text
}
