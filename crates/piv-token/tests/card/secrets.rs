//! Nothing secret is logged, at any level.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use piv_attest::{PinPolicy, TouchPolicy};
use piv_token::{ManageToken, Management, ManagementKey, Pin, Token};

use crate::rig::{self, Heard, SLOT};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ways in which bytes get into logs.
fn spellings(secret: &[u8]) -> Vec<String> {
    let hex = |upper: bool, between: &str| {
        let digits = secret.iter().map(|b| {
            if upper {
                format!("{b:02X}")
            } else {
                format!("{b:02x}")
            }
        });
        digits.collect::<Vec<_>>().join(between)
    };
    let mut all = vec![
        hex(false, ""),
        hex(true, ""),
        hex(false, " "),
        hex(true, " "),
        hex(false, ":"),
        hex(true, ":"),
        format!("{secret:?}").trim_matches(['[', ']']).to_owned(),
    ];
    all.extend(String::from_utf8(secret.to_vec()));
    all
}

#[test]
fn at_trace_neither_pin_nor_management_key_nor_message_is_logged() {
    let test = "secrets::at_trace_neither_pin_nor_management_key_nor_message_is_logged";
    let Some(_keys) = rig::inside(test) else {
        return;
    };
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let mut yubikey = piv_token::open(None).unwrap();
    let new = "hunter2!";
    yubikey
        .change_pin(&rig::pin(), &Pin::new(new).unwrap())
        .unwrap();
    let factory = "0102030405060708".repeat(3);
    let mut request = rig::request(
        piv_attest::KeyAlgorithm::P256,
        PinPolicy::Once,
        TouchPolicy::Always,
    );
    request.management = Management::Key(ManagementKey::from_hex(&factory).unwrap());
    yubikey.generate(&request, &mut Heard::default()).unwrap();
    let message = b"what is signed";
    let pin = Pin::new(new).unwrap();
    yubikey
        .sign(
            SLOT,
            Some(&pin),
            piv_token::ToSign::Message(message),
            &mut Heard::default(),
        )
        .unwrap();
    rig::sign(&mut yubikey, Some(&rig::wrong_pin()), &mut Heard::default()).unwrap_err();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // It logs at all, and on the thread that talks to the card.
    assert!(
        log.contains("VERIFY") && log.contains("GENERAL AUTHENTICATE"),
        "{log}"
    );
    let management: Vec<u8> = [1, 2, 3, 4, 5, 6, 7, 8].repeat(3);
    let secrets = [new.as_bytes(), b"123456", b"999999", &management, message];
    for spelling in secrets.into_iter().flat_map(spellings) {
        assert!(!log.contains(&spelling), "{spelling} in {log}");
    }
}
