//! The management key: authentication with it (in GENERAL AUTHENTICATE, key
//! 9B) and SET MANAGEMENT KEY (FF).

use aes::{Aes128, Aes192, Aes256};
use des::TdesEde3;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::slot::TouchPolicy;
use super::{Outcome, Piv};
use crate::apdu::{Command, Status};
use crate::settings::ManagementKeyType;
use crate::tlv::{self, tlv};

/// The key every YubiKey starts with: 01…08 three times.
const FACTORY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];

pub(super) const KEY_REFERENCE: u8 = 0x9B;

impl ManagementKeyType {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::TripleDes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x03 => Self::TripleDes,
            0x08 => Self::Aes128,
            0x0A => Self::Aes192,
            0x0C => Self::Aes256,
            _ => return None,
        })
    }

    fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    fn block_length(self) -> usize {
        match self {
            Self::TripleDes => 8,
            _ => 16,
        }
    }
}

/// The management key as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ManagementKey {
    pub(super) cipher: ManagementKeyType,
    key: Zeroizing<Vec<u8>>,
    pub(super) touch: TouchPolicy,
}

impl std::fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ManagementKey").field(&self.cipher).finish()
    }
}

/// A block that was sent and waits to be answered.
#[derive(Debug)]
pub(super) struct Challenge {
    cipher: ManagementKeyType,
    kind: Kind,
    block: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Kind {
    /// Sent encrypted, wanted back in the clear, with a challenge for us.
    Witness,
    /// Sent in the clear, wanted back encrypted.
    Plain,
}

impl ManagementKey {
    pub(super) fn factory(cipher: ManagementKeyType) -> Self {
        let mut key = FACTORY.to_vec();
        // AES-256 never was a default; a key set so begins with zeros at its end.
        key.resize(cipher.key_length(), 0);
        Self {
            cipher,
            key: Zeroizing::new(key),
            touch: TouchPolicy::Never,
        }
    }

    pub(super) fn is_factory(&self) -> bool {
        *self.key == *Self::factory(self.cipher).key
    }

    fn encrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            ManagementKeyType::TripleDes => encrypt::<TdesEde3>(&self.key, block),
            ManagementKeyType::Aes128 => encrypt::<Aes128>(&self.key, block),
            ManagementKeyType::Aes192 => encrypt::<Aes192>(&self.key, block),
            ManagementKeyType::Aes256 => encrypt::<Aes256>(&self.key, block),
        }
    }

    fn decrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            ManagementKeyType::TripleDes => decrypt::<TdesEde3>(&self.key, block),
            ManagementKeyType::Aes128 => decrypt::<Aes128>(&self.key, block),
            ManagementKeyType::Aes192 => decrypt::<Aes192>(&self.key, block),
            ManagementKeyType::Aes256 => decrypt::<Aes256>(&self.key, block),
        }
    }
}

fn encrypt<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Array::try_from(block).ok()?;
    cipher.encrypt_block(&mut block);
    Some(block.to_vec())
}

fn decrypt<C: KeyInit + BlockCipherDecrypt>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Array::try_from(block).ok()?;
    cipher.decrypt_block(&mut block);
    Some(block.to_vec())
}

impl Piv {
    /// GENERAL AUTHENTICATE with key 9B: the host shows that it has the
    /// management key, and may ask the same of the card (SP 800-73-4 part 2 appendix A.1).
    pub(super) fn authenticate_management(&mut self, command: &Command) -> Outcome {
        let cipher = match command.p1 {
            // 00 is 3DES too (SP 800-78-4 table 6-2).
            0 => ManagementKeyType::TripleDes,
            code => ManagementKeyType::from_code(code).ok_or(Status::WRONG_PARAMETERS)?,
        };
        if cipher != self.memory.management.cipher {
            return Err(Status::WRONG_PARAMETERS);
        }
        let template = tlv::first(&command.data)
            .filter(|e| e.tag == 0x7C)
            .and_then(|e| tlv::all(e.value))
            .ok_or(Status::WRONG_DATA)?;
        let witness = tlv::find(&template, 0x80);
        let challenge = tlv::find(&template, 0x81);
        let response = tlv::find(&template, 0x82);
        match (witness, challenge, response) {
            (Some([]), None, None) => self.challenge(cipher, Kind::Witness),
            (None, Some([]), None) => self.challenge(cipher, Kind::Plain),
            (Some(answer), Some(challenge), _) => {
                self.check_answer(cipher, Kind::Witness, answer)?;
                let proof = self
                    .memory
                    .management
                    .encrypt(challenge)
                    .ok_or(Status::WRONG_DATA)?;
                self.session.managed = true;
                Ok(tlv(0x7C, &tlv(0x82, &proof)))
            }
            (None, None, Some(answer)) => {
                let answer = self
                    .memory
                    .management
                    .decrypt(answer)
                    .ok_or(Status::WRONG_DATA)?;
                self.check_answer(cipher, Kind::Plain, &answer)?;
                self.session.managed = true;
                Ok(Vec::new())
            }
            _ => Err(Status::WRONG_DATA),
        }
    }

    fn challenge(&mut self, cipher: ManagementKeyType, kind: Kind) -> Outcome {
        self.session.managed = false;
        let mut block = vec![0; cipher.block_length()];
        getrandom::fill(&mut block).map_err(|_| Status::FAILED)?;
        let (tag, sent) = match kind {
            Kind::Witness => {
                let sealed = self.memory.management.encrypt(&block);
                (0x80, sealed.ok_or(Status::FAILED)?)
            }
            Kind::Plain => (0x81, block.clone()),
        };
        self.session.challenge = Some(Challenge {
            cipher,
            kind,
            block,
        });
        Ok(tlv(0x7C, &tlv(tag, &sent)))
    }

    /// One answer for each challenge, right or wrong.
    fn check_answer(
        &mut self,
        cipher: ManagementKeyType,
        kind: Kind,
        answer: &[u8],
    ) -> Result<(), Status> {
        self.session.managed = false;
        let asked = self
            .session
            .challenge
            .take()
            .filter(|c| c.cipher == cipher && c.kind == kind)
            .ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        if !bool::from(asked.block.as_slice().ct_eq(answer)) {
            return Err(Status::SECURITY_NOT_SATISFIED);
        }
        self.must_be_touched(self.memory.management.touch)
    }

    /// SET MANAGEMENT KEY: cipher, 9B, length, key; P2 = FE wants a touch at each use.
    pub(super) fn set_management_key(&mut self, command: &Command) -> Outcome {
        self.must_be_managed()?;
        let touch = match (command.p1, command.p2) {
            (0xFF, 0xFF) => TouchPolicy::Never,
            (0xFF, 0xFE) => TouchPolicy::Always,
            (0xFF, 0xFD) => TouchPolicy::Cached,
            _ => return Err(Status::WRONG_PARAMETERS),
        };
        let [code, KEY_REFERENCE, length, key @ ..] = command.data.as_slice() else {
            return Err(Status::WRONG_DATA);
        };
        let cipher = ManagementKeyType::from_code(*code).ok_or(Status::WRONG_DATA)?;
        let is_aes = cipher != ManagementKeyType::TripleDes;
        if is_aes && !self.settings.firmware.has_aes() {
            return Err(Status::WRONG_DATA);
        }
        if key.len() != usize::from(*length) || key.len() != cipher.key_length() {
            return Err(Status::WRONG_DATA);
        }
        let key = Zeroizing::new(key.to_vec());
        self.memory_mut().management = ManagementKey { cipher, key, touch };
        Ok(Vec::new())
    }
}
