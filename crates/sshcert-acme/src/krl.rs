//! Key revocation lists of OpenSSH, as its `PROTOCOL.krl` has them: what sshd reads as
//! RevokedKeys.

use crate::{key::SshPublicKey, wire::Writer};

/// "SSHKRL\n\0".
const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
const FORMAT_VERSION: u32 = 1;
const CERTIFICATES: u8 = 1;
const FINGERPRINT_SHA256: u8 = 5;
const SERIAL_LIST: u8 = 0x20;

/// A key revocation list: serials of certificates for each CA, and the SHA-256 of keys. It is
/// not signed, so that whoever fetches it must know from whom.
///
/// sshd refuses everybody while it cannot read its RevokedKeys: write the file beside the old one
/// and rename it.
///
/// ```
/// # fn f(ca: &sshcert_acme::SshPublicKey, key: &sshcert_acme::SshPublicKey, sha256: fn(&[u8]) -> [u8; 32]) {
/// let mut krl = sshcert_acme::Krl::new(7, 1_900_000_000, "ca.example");
/// krl.revoke_serials(ca, [0x1f2e_3d4c_5b6a_7988]);
/// krl.revoke_key(sha256(&key.to_blob()));
/// let file = krl.to_bytes();
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Krl {
    version: u64,
    generated: u64,
    comment: String,
    certificates: Vec<(SshPublicKey, Vec<u64>)>,
    keys: Vec<[u8; 32]>,
}

impl Krl {
    /// An empty list. `version` rises with every change; `generated` is in seconds since the
    /// epoch; `comment` is for people.
    #[must_use]
    pub fn new(version: u64, generated: u64, comment: &str) -> Self {
        Self {
            version,
            generated,
            comment: comment.chars().filter(|c| !c.is_control()).collect(),
            certificates: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Revokes certificates of a CA by their serials. A serial of zero means "none" and cannot be
    /// revoked: it is left out.
    pub fn revoke_serials(&mut self, ca: &SshPublicKey, serials: impl IntoIterator<Item = u64>) {
        let mut serials: Vec<u64> = serials.into_iter().filter(|serial| *serial != 0).collect();
        serials.sort_unstable();
        serials.dedup();
        if !serials.is_empty() {
            self.certificates.push((ca.clone(), serials));
        }
    }

    /// Revokes a key by the SHA-256 of its [`to_blob`](SshPublicKey::to_blob): as a key, as the
    /// subject of any certificate, and as a CA.
    pub fn revoke_key(&mut self, blob_sha256: [u8; 32]) {
        self.keys.push(blob_sha256);
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Writer::default();
        file.raw(MAGIC)
            .u32(FORMAT_VERSION)
            .u64(self.version)
            .u64(self.generated)
            .u64(0) // flags
            .string(b"") // reserved
            .string(self.comment.as_bytes());
        for (ca, serials) in &self.certificates {
            let mut list = Writer::default();
            for serial in serials {
                list.u64(*serial);
            }
            let mut section = Writer::default();
            section
                .string(&ca.to_blob())
                .string(b"") // reserved
                .raw(&[SERIAL_LIST])
                .string(&list.into_bytes());
            file.raw(&[CERTIFICATES]).string(&section.into_bytes());
        }
        if !self.keys.is_empty() {
            let mut keys = self.keys.clone();
            keys.sort_unstable();
            keys.dedup();
            let mut section = Writer::default();
            for key in &keys {
                section.string(key);
            }
            file.raw(&[FINGERPRINT_SHA256])
                .string(&section.into_bytes());
        }
        file.into_bytes()
    }
}
