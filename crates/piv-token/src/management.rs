//! Opening the card for changes: mutual authentication with the management
//! key, which may be the factory's, the person's, or kept on the card.

use crate::{
    Error, Management, ManagementKey, ManagementStatus, TouchNeed,
    apdu::Status,
    applet::{Applet, Object},
    tlv,
};
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The management key of every YubiKey as it leaves the factory.
const FACTORY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];

/// The flag in ykman's notes: the management key is kept under the PIN.
const FLAG_PROTECTED: u8 = 0x02;

/// Algorithms of management keys. Firmware before 5.4 knows the first alone,
/// from 5.7 on AES-192 is what it leaves the factory with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    TripleDes,
    Aes128,
    Aes192,
    Aes256,
}

impl Algorithm {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x03 => Some(Self::TripleDes),
            0x08 => Some(Self::Aes128),
            0x0a => Some(Self::Aes192),
            0x0c => Some(Self::Aes256),
            _ => None,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::TripleDes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0a,
            Self::Aes256 => 0x0c,
        }
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

    /// Encrypts or decrypts one block with a key of the right length.
    fn crypt(self, key: &[u8], block: &[u8], encrypt: bool) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::TripleDes => one_block::<des::TdesEde3>(key, block, encrypt),
            Self::Aes128 => one_block::<aes::Aes128>(key, block, encrypt),
            Self::Aes192 => one_block::<aes::Aes192>(key, block, encrypt),
            Self::Aes256 => one_block::<aes::Aes256>(key, block, encrypt),
        }
    }
}

fn one_block<C>(key: &[u8], block: &[u8], encrypt: bool) -> Option<Zeroizing<Vec<u8>>>
where
    C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt,
{
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Block::<C>::try_from(block).ok()?;
    if encrypt {
        cipher.encrypt_block(&mut block);
    } else {
        cipher.decrypt_block(&mut block);
    }
    Some(Zeroizing::new(block.to_vec()))
}

/// How the card wants to be opened.
pub(crate) struct Lock {
    algorithm: Algorithm,
    factory: Option<bool>,
    protected: bool,
    derived: bool,
    touch: Option<TouchNeed>,
}

/// What ykman notes of the management key, see its `PivmanData`.
#[derive(Default)]
struct Notes {
    flags: u8,
    /// When the PIN was changed, which is not ours to judge.
    changed: Option<Vec<u8>>,
    derived: bool,
}

impl Notes {
    fn read(applet: &mut Applet<'_>) -> Result<Self, Error> {
        let object = applet.get(Object::ADMIN)?;
        let Some(notes) = object.as_deref().and_then(|n| tlv::find(n, 0x80)) else {
            return Ok(Self::default());
        };
        Ok(Self {
            flags: tlv::find(notes, 0x81)
                .and_then(|n| n.first().copied())
                .unwrap_or(0),
            changed: tlv::find(notes, 0x83).map(<[u8]>::to_vec),
            derived: tlv::find(notes, 0x82).is_some(),
        })
    }

    /// Notes that the key is kept under the PIN. The salt of a derived one goes.
    fn write_protected(&self, applet: &mut Applet<'_>) -> Result<(), Error> {
        let mut notes = Zeroizing::new(Vec::with_capacity(16));
        tlv::push(&mut notes, 0x81, &[self.flags | FLAG_PROTECTED]);
        if let Some(changed) = &self.changed {
            tlv::push(&mut notes, 0x83, changed);
        }
        applet.put(Object::ADMIN, &tlv::element(0x80, &notes))
    }
}

/// What is in the object that takes the PIN to be read.
enum Kept {
    Key(Zeroizing<Vec<u8>>),
    /// No key, but room for one.
    Nothing,
    /// Something that is not ours.
    Other,
}

impl Kept {
    fn read(applet: &mut Applet<'_>) -> Result<Self, Error> {
        let Some(object) = applet.get(Object::PRINTED)? else {
            return Ok(Self::Nothing);
        };
        Ok(match tlv::find(&object, 0x88) {
            None => Self::Other,
            Some(ours) => match tlv::find(ours, 0x89) {
                None => Self::Nothing,
                Some(key) => Self::Key(Zeroizing::new(key.to_vec())),
            },
        })
    }

    fn key(self) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Key(key) => Some(key),
            Self::Nothing | Self::Other => None,
        }
    }
}

impl Lock {
    /// Reads what the card tells. Needs no PIN.
    pub(crate) fn read(applet: &mut Applet<'_>) -> Result<Self, Error> {
        let metadata = applet.management_metadata()?.unwrap_or_default();
        let algorithm = match metadata.algorithm {
            None => Algorithm::TripleDes,
            Some(byte) => Algorithm::from_byte(byte).ok_or(Error::Answer {
                command: "GET METADATA",
            })?,
        };
        let notes = Notes::read(applet)?;
        Ok(Self {
            algorithm,
            factory: metadata.factory,
            protected: notes.flags & FLAG_PROTECTED != 0,
            derived: notes.derived,
            touch: match metadata.touch_policy {
                Some(2) => Some(TouchNeed::Certain),
                Some(3) => Some(TouchNeed::Possible),
                _ => None,
            },
        })
    }

    /// Whether a touch is part of opening it.
    pub(crate) fn touch(&self) -> Option<TouchNeed> {
        self.touch
    }

    /// What is known of it. Where the card does not tell whether the key is
    /// the factory's, the factory's key is tried: wrong ones are not counted.
    pub(crate) fn status(&self, applet: &mut Applet<'_>) -> Result<ManagementStatus, Error> {
        let factory = match self.factory {
            Some(factory) => factory,
            None => match self.open(applet, &FACTORY) {
                Ok(()) => true,
                Err(Error::WrongManagementKey | Error::ManagementKeyLength { .. }) => false,
                Err(e) => return Err(e),
            },
        };
        Ok(ManagementStatus {
            factory,
            protected: self.protected,
            derived: self.derived,
            // Whatever it was, a blocked one opens nothing.
            factory_puk: applet
                .puk_metadata()?
                .and_then(|m| Some(m.factory? && m.tries_left != Some(0))),
        })
    }

    /// The key to open it with. With a protected key this verifies the PIN.
    pub(crate) fn key(
        &self,
        applet: &mut Applet<'_>,
        management: &Management,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        match management {
            Management::Factory => Ok(Zeroizing::new(FACTORY.to_vec())),
            Management::Key(ManagementKey(bytes)) => Ok(bytes.clone()),
            Management::Protected(pin) => {
                applet.verify(pin)?;
                Kept::read(applet)?
                    .key()
                    .ok_or(Error::NoProtectedManagementKey)
            }
        }
    }

    /// Makes a random key and keeps it on the card, which is open for changes
    /// and has its PIN verified. First the key is kept, then it is set, last it
    /// is noted: cut short before it is set, the old one still opens the card;
    /// after that, the new one is there to be found.
    pub(crate) fn protect(&self, applet: &mut Applet<'_>) -> Result<(), Error> {
        if matches!(Kept::read(applet)?, Kept::Other) {
            return Err(Error::PrintedTaken);
        }
        let mut key = Zeroizing::new(vec![0; self.algorithm.key_length()]);
        getrandom::fill(&mut key).map_err(|_| Error::System { what: "randomness" })?;
        let mut template = Zeroizing::new(Vec::with_capacity(40));
        tlv::push(&mut template, 0x89, &key);
        applet.put(Object::PRINTED, &tlv::element(0x88, &template))?;
        applet.set_management_key(self.algorithm.byte(), &key)?;
        Notes::read(applet)?.write_protected(applet)?;
        // That it is the one which is kept is seen, not believed.
        let kept = Kept::read(applet)?
            .key()
            .ok_or(Error::NoProtectedManagementKey)?;
        self.open(applet, &kept)
    }

    /// Notes that the key is kept on the card, if it is. The PIN is verified.
    pub(crate) fn finish(&self, applet: &mut Applet<'_>) -> Result<bool, Error> {
        let Some(key) = Kept::read(applet)?.key() else {
            return Ok(false);
        };
        match self.open(applet, &key) {
            Ok(()) => {}
            Err(Error::WrongManagementKey | Error::ManagementKeyLength { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Notes::read(applet)?.write_protected(applet)?;
        Ok(true)
    }

    /// Opens the card for changes: it proves that it knows the key, and so do
    /// we (NIST SP 800-73-4 part 2, 3.2.4, mutual authentication).
    pub(crate) fn open(&self, applet: &mut Applet<'_>, key: &[u8]) -> Result<(), Error> {
        let Self { algorithm, .. } = *self;
        if key.len() != algorithm.key_length() {
            return Err(Error::ManagementKeyLength {
                expected: algorithm.key_length(),
                found: key.len(),
            });
        }
        let nonsense = || Error::Answer {
            command: "AUTHENTICATE MANAGEMENT",
        };
        let asked = applet.management(algorithm.byte(), &[0x80, 0])?.ok()?;
        let witness = tlv::find(&asked, 0x7c)
            .and_then(|t| tlv::find(t, 0x80))
            .ok_or_else(nonsense)?;
        let ours = algorithm.crypt(key, witness, false).ok_or_else(nonsense)?;
        let mut challenge = vec![0; algorithm.block_length()];
        getrandom::fill(&mut challenge).map_err(|_| Error::System { what: "randomness" })?;

        let mut template = Zeroizing::new(Vec::with_capacity(64));
        tlv::push(&mut template, 0x80, &ours);
        tlv::push(&mut template, 0x81, &challenge);
        let answer = applet.management(algorithm.byte(), &template)?;
        if matches!(answer.status, Status::SECURITY_STATUS | Status::WRONG_DATA) {
            return Err(
                if self.touch.is_some() && answer.status == Status::SECURITY_STATUS {
                    Error::NotTouched
                } else {
                    Error::WrongManagementKey
                },
            );
        }
        let answered = answer.ok()?;
        let theirs = tlv::find(&answered, 0x7c)
            .and_then(|t| tlv::find(t, 0x82))
            .ok_or_else(nonsense)?;
        let expected = algorithm
            .crypt(key, &challenge, true)
            .ok_or_else(nonsense)?;
        if bool::from(expected.ct_eq(theirs)) {
            Ok(())
        } else {
            Err(Error::WrongManagementKey)
        }
    }
}
