//! A virtual YubiKey, driven by APDUs in this process.

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use sha2::{Digest, Sha256};
use virtual_yubikey::{Firmware, ManagementKeyType, Root, Settings, VirtualYubiKey};

use crate::der::{content, first, tlv};

/// PIN policies, as GENERATE takes them.
pub mod pin {
    pub const NEVER: u8 = 1;
    pub const ONCE: u8 = 2;
}

/// Touch policies, as GENERATE takes them.
pub mod touch {
    pub const NEVER: u8 = 1;
    pub const ALWAYS: u8 = 2;
    pub const CACHED: u8 = 3;
}

const P256: u8 = 0x11;
const FACTORY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];

pub struct Card {
    key: VirtualYubiKey,
}

/// A key in a slot, with its attestation: leaf, then f9.
#[derive(Clone)]
pub struct SlotKey {
    pub slot: u8,
    pub chain: Vec<Vec<u8>>,
}

impl SlotKey {
    pub fn spki_sha256(&self) -> [u8; 32] {
        piv_attest::claimed_key(&self.chain[0])
            .unwrap()
            .spki_sha256()
    }
}

impl Card {
    /// Firmware 5.7.4 with this serial number, touched automatically.
    pub fn new(root: &Root, serial: u32) -> Self {
        Self::with(root, Settings::new(Firmware::V5_7_4).serial(serial))
    }

    pub fn with(root: &Root, settings: Settings) -> Self {
        let settings = settings.management_key(ManagementKeyType::Aes192);
        let mut card = Self {
            key: VirtualYubiKey::new(settings, root).unwrap(),
        };
        card.apdu(0xA4, 4, 0, &[0xA0, 0, 0, 3, 8]);
        card.manage();
        card
    }

    /// The usual login key: 9a, PIN once, touch always.
    pub fn login(&mut self) -> SlotKey {
        self.generate(0x9A, pin::ONCE, touch::ALWAYS)
    }

    /// The usual proof key.
    pub fn proof(&mut self) -> SlotKey {
        self.generate(0x82, pin::ONCE, touch::ALWAYS)
    }

    pub fn generate(&mut self, slot: u8, pin: u8, touch: u8) -> SlotKey {
        let template = [tlv(0x80, &[P256]), tlv(0xAA, &[pin]), tlv(0xAB, &[touch])].concat();
        self.apdu(0x47, 0, slot, &tlv(0xAC, &template));
        self.attested(slot)
    }

    /// The key in a slot, attested anew.
    pub fn attested(&mut self, slot: u8) -> SlotKey {
        let leaf = self.apdu(0xF9, slot, 0, &[]);
        let object = self.apdu(0xCB, 0x3F, 0xFF, &tlv(0x5C, &[0x5F, 0xFF, 1]));
        let object = content(0x53, &object);
        let f9 = content(0x70, &object);
        SlotKey {
            slot,
            chain: vec![leaf, f9],
        }
    }

    pub fn import(&mut self, slot: u8, secret: &[u8]) {
        let data = [
            tlv(6, secret),
            tlv(0xAA, &[pin::ONCE]),
            tlv(0xAB, &[touch::NEVER]),
        ];
        self.apdu(0xFE, P256, slot, &data.concat());
    }

    /// What ATTEST says where it does not attest.
    pub fn attest_status(&mut self, slot: u8) -> u16 {
        self.try_apdu(0xF9, slot, 0, &[]).unwrap_err()
    }

    /// Replaces the certificate of f9.
    pub fn put_f9(&mut self, certificate: &[u8]) {
        let object = [tlv(0x70, certificate), tlv(0x71, &[0]), tlv(0xFE, &[])].concat();
        let data = [tlv(0x5C, &[0x5F, 0xFF, 1]), tlv(0x53, &object)].concat();
        self.apdu(0xDB, 0x3F, 0xFF, &data);
    }

    pub fn move_key(&mut self, from: u8, to: u8) {
        self.apdu(0xF6, to, from, &[]);
    }

    /// PIN, touch, signature over SHA-256 of the message.
    pub fn sign(&mut self, slot: u8, message: &[u8]) -> Vec<u8> {
        self.apdu(0x20, 0, 0x80, b"123456\xFF\xFF");
        let digest = Sha256::digest(message);
        let template = [tlv(0x82, &[]), tlv(0x81, &digest)].concat();
        let answer = self.apdu(0x87, P256, slot, &tlv(0x7C, &template));
        content(0x82, &content(0x7C, &answer))
    }

    /// Signs a digest that is none of ours, as any program with the key may.
    pub fn sign_bytes(&mut self, slot: u8, message: &[u8]) -> Vec<u8> {
        self.sign(slot, message)
    }

    fn manage(&mut self) {
        const AES192: u8 = 0x0A;
        let challenge = self.apdu(0x87, AES192, 0x9B, &tlv(0x7C, &tlv(0x81, &[])));
        let challenge = content(0x7C, &challenge);
        let (_, block, _) = first(&challenge);
        let mut block = Array::try_from(block).unwrap();
        aes::Aes192::new_from_slice(&FACTORY)
            .unwrap()
            .encrypt_block(&mut block);
        self.apdu(0x87, AES192, 0x9B, &tlv(0x7C, &tlv(0x82, &block)));
    }

    fn apdu(&mut self, instruction: u8, p1: u8, p2: u8, data: &[u8]) -> Vec<u8> {
        self.try_apdu(instruction, p1, p2, data)
            .unwrap_or_else(|status| panic!("INS {instruction:02x}: {status:04x}"))
    }

    fn try_apdu(&mut self, instruction: u8, p1: u8, p2: u8, data: &[u8]) -> Result<Vec<u8>, u16> {
        let mut apdu = vec![0, instruction, p1, p2, 0];
        if !data.is_empty() {
            apdu.extend((data.len() as u16).to_be_bytes());
            apdu.extend_from_slice(data);
        }
        apdu.extend([0, 0]);
        let mut answer = self.key.transmit(&apdu);
        let status = answer.split_off(answer.len() - 2);
        match u16::from_be_bytes([status[0], status[1]]) {
            0x9000 => Ok(answer),
            status => Err(status),
        }
    }
}
