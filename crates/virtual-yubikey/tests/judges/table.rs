//! The table of judges: who judged what.

use std::collections::BTreeSet;
use std::fmt::Write;

/// What a YubiKey does that somebody can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    Inform,
    GenerateP256,
    GenerateP384,
    GenerateRsa1024,
    GenerateRsa2048,
    GenerateRsa3072,
    GenerateRsa4096,
    GenerateEd25519,
    GenerateX25519,
    Attest,
    SignEcdsa,
    SignRsa,
    SignEd25519,
    Decrypt,
    Agree,
    WrongPin,
    ChangePin,
    ChangePuk,
    Block,
    Unblock,
    Retries,
    ManagementTripleDes,
    ManagementAes,
    ImportEc,
    ImportRsa,
    NoAttestationOfImported,
    Certificates,
    Objects,
    Metadata,
    Move,
    Delete,
    Touch,
    Reset,
}

impl Deed {
    pub const ALL: [(Self, &str); 33] = [
        (Self::Inform, "tell version and serial number"),
        (Self::GenerateP256, "generate P-256"),
        (Self::GenerateP384, "generate P-384"),
        (Self::GenerateRsa1024, "generate RSA-1024"),
        (Self::GenerateRsa2048, "generate RSA-2048"),
        (Self::GenerateRsa3072, "generate RSA-3072"),
        (Self::GenerateRsa4096, "generate RSA-4096"),
        (Self::GenerateEd25519, "generate Ed25519"),
        (Self::GenerateX25519, "generate X25519"),
        (Self::Attest, "attest a generated key"),
        (Self::SignEcdsa, "sign, ECDSA"),
        (Self::SignRsa, "sign, RSA"),
        (Self::SignEd25519, "sign, Ed25519"),
        (Self::Decrypt, "decrypt, RSA"),
        (Self::Agree, "agree on a secret, ECDH"),
        (Self::WrongPin, "refuse a wrong PIN, count tries"),
        (Self::ChangePin, "change PIN"),
        (Self::ChangePuk, "change PUK"),
        (Self::Block, "block the PIN"),
        (Self::Unblock, "unblock it by PUK"),
        (Self::Retries, "set retry counters"),
        (Self::ManagementTripleDes, "management key, 3DES"),
        (Self::ManagementAes, "management key, AES"),
        (Self::ImportEc, "import P-256"),
        (Self::ImportRsa, "import RSA-2048"),
        (
            Self::NoAttestationOfImported,
            "no attestation of imported keys",
        ),
        (Self::Certificates, "write and read certificates"),
        (Self::Objects, "write and read other objects"),
        (Self::Metadata, "tell policies and origin of a key"),
        (Self::Move, "move a key"),
        (Self::Delete, "delete a key"),
        (Self::Touch, "wait for a touch, refuse without"),
        (Self::Reset, "reset"),
    ];
}

/// One judge and what it has judged.
pub struct Column {
    pub judge: &'static str,
    pub firmware: &'static str,
    pub judged: BTreeSet<Deed>,
}

/// The table as Markdown.
pub fn table(columns: &[Column]) -> String {
    let mut text = String::from("|");
    for column in columns {
        write!(text, " | {}", column.judge).unwrap();
    }
    text.push_str(" |\n|---");
    text.push_str(&"|:-:".repeat(columns.len()));
    text.push_str("|\n| firmware");
    for column in columns {
        write!(text, " | {}", column.firmware).unwrap();
    }
    text.push_str(" |\n");
    for (deed, name) in Deed::ALL {
        write!(text, "| {name}").unwrap();
        for column in columns {
            let mark = if column.judged.contains(&deed) {
                "✓"
            } else {
                ""
            };
            write!(text, " | {mark}").unwrap();
        }
        text.push_str(" |\n");
    }
    text
}
