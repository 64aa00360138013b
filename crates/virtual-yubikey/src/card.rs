//! The card as a whole: applications, long commands and answers, and its memory.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::apdu::{Command, MAX_COMMAND_DATA, Status};
use crate::error::{Error, FileError};
use crate::piv::{Memory, Piv};
use crate::root::{Root, write_file};
use crate::settings::Settings;
use crate::touch::{Touch, TouchMode};
use crate::{management, otp};

/// Answer to reset of a YubiKey 5 on USB.
pub const ATR: [u8; 23] = [
    0x3B, 0xFD, 0x13, 0, 0, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59, 0x75,
    0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
];

/// A YubiKey in this process: APDUs in, responses out.
///
/// ```
/// use virtual_yubikey::{Firmware, Root, Settings, VirtualYubiKey};
///
/// let root = Root::generate()?;
/// let mut key = VirtualYubiKey::new(Settings::new(Firmware::V5_7_4), &root)?;
/// // SELECT the PIV application, then GET VERSION.
/// key.transmit(&[0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8]);
/// assert_eq!(key.transmit(&[0, 0xFD, 0, 0, 0]), [5, 7, 4, 0x90, 0]);
/// # Ok::<(), virtual_yubikey::Error>(())
/// ```
#[derive(Debug)]
pub struct VirtualYubiKey {
    settings: Settings,
    touch: Touch,
    piv: Piv,
    selected: Option<Application>,
    /// Parts of a chained command that came so far.
    chain: Option<Command>,
    /// What of the last response GET RESPONSE can still fetch.
    remaining: Vec<u8>,
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Application {
    Piv,
    Management,
    Otp,
}

/// The file in which a card survives.
#[derive(Serialize, Deserialize)]
struct Saved<M> {
    settings: Settings,
    memory: M,
}

impl VirtualYubiKey {
    /// A new key that lives in memory only, touched automatically.
    ///
    /// # Errors
    /// [`Error::KeyGeneration`] without a source of randomness.
    pub fn new(settings: Settings, root: &Root) -> Result<Self, Error> {
        let touch = Touch::new(TouchMode::Auto);
        let piv = Piv::new(settings.clone(), root, touch.clone())?;
        Ok(Self::assemble(settings, touch, piv, None))
    }

    /// The key that the folder holds under this serial number, or a new one
    /// that it will hold from now on. What it keeps survives this process; its
    /// patience and delay are those of `settings`.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read or written;
    /// [`Error::OtherFirmware`] when it is of a key with other firmware.
    pub fn open(settings: Settings, root: &Root, dir: &Path) -> Result<Self, Error> {
        let touch = Touch::new(TouchMode::Auto);
        let name = serial_name(settings.serial);
        let path = dir.join(format!("key-{name}.json"));
        let piv = if path.exists() {
            let text = fs::read_to_string(&path).map_err(FileError::read(&path))?;
            let saved: Saved<Memory> = serde_json::from_str(&text)
                .map_err(|_| FileError::Damaged { path: path.clone() })?;
            if saved.settings.firmware != settings.firmware {
                return Err(Error::OtherFirmware {
                    serial: name,
                    kept: saved.settings.firmware,
                    asked: settings.firmware,
                });
            }
            Piv::with_memory(settings.clone(), saved.memory, touch.clone())
        } else {
            Piv::new(settings.clone(), root, touch.clone())?
        };
        let mut card = Self::assemble(settings, touch, piv, Some(path));
        card.save()?;
        Ok(card)
    }

    fn assemble(settings: Settings, touch: Touch, piv: Piv, file: Option<PathBuf>) -> Self {
        Self {
            settings,
            touch,
            piv,
            selected: None,
            chain: None,
            remaining: Vec::new(),
            file,
        }
    }

    /// What it is.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its contact. A new key is touched automatically; set the mode to have it otherwise.
    #[must_use]
    pub fn touch(&self) -> Touch {
        self.touch.clone()
    }

    /// Takes and gives power: no application is selected, nothing is verified.
    pub fn power_cycle(&mut self) {
        self.piv.deselect();
        self.selected = None;
        self.chain = None;
        self.remaining.clear();
    }

    /// One command APDU; returns the response APDU, which ends with the status
    /// word. Blocks while a touch is waited for.
    pub fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        match Command::parse(apdu) {
            Ok(command) => self.respond(command),
            Err(status) => status.bytes(),
        }
    }

    fn respond(&mut self, command: Command) -> Vec<u8> {
        if command.class & !0x10 != 0 {
            return Status::CLASS_NOT_SUPPORTED.bytes();
        }
        if command.instruction == 0xC0 {
            return self.next_part(command.expected);
        }
        self.remaining.clear();
        let command = match self.assembled(command) {
            Ok(Some(command)) => command,
            Ok(None) => return Status::OK.bytes(),
            Err(status) => return status.bytes(),
        };
        let (long, expected) = (command.extended, command.expected);
        let mut outcome = self.execute(&command);
        // What a person was told must be true tomorrow: saved before it is answered.
        if self.save().is_err() {
            outcome = Err(Status::FAILED);
        }
        match outcome {
            Ok(mut data) if long => {
                data.extend(Status::OK.bytes());
                data
            }
            Ok(data) => {
                self.remaining = data;
                self.next_part(expected)
            }
            Err(status) => status.bytes(),
        }
    }

    /// Command chaining (ISO/IEC 7816-4 §5.3.3): the whole command, when its last part is there.
    fn assembled(&mut self, part: Command) -> Result<Option<Command>, Status> {
        let last = !part.is_chained();
        let begun = self
            .chain
            .take()
            .filter(|c| (c.instruction, c.p1, c.p2) == (part.instruction, part.p1, part.p2));
        let mut whole = match begun {
            None => part,
            Some(mut begun) => {
                begun.data.extend_from_slice(&part.data);
                begun.expected = part.expected;
                begun.extended = part.extended;
                begun
            }
        };
        if whole.data.len() > MAX_COMMAND_DATA {
            return Err(Status::WRONG_LENGTH);
        }
        if last {
            whole.class = 0;
            return Ok(Some(whole));
        }
        self.chain = Some(whole);
        Ok(None)
    }

    /// As much of the response as a short answer holds, and how much is left.
    fn next_part(&mut self, expected: usize) -> Vec<u8> {
        let limit = if expected == 0 {
            256
        } else {
            expected.min(256)
        };
        let rest = self.remaining.split_off(limit.min(self.remaining.len()));
        let mut response = std::mem::replace(&mut self.remaining, rest);
        let status = if self.remaining.is_empty() {
            Status::OK
        } else {
            Status::more(self.remaining.len())
        };
        response.extend(status.bytes());
        response
    }

    fn execute(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        if command.instruction == 0xA4 && command.p1 == 0x04 {
            return self.select(&command.data);
        }
        match self.selected {
            Some(Application::Piv) => self.piv.handle(command),
            Some(Application::Management) => management::handle(&self.settings, command),
            Some(Application::Otp) => otp::handle(&self.settings, command),
            None => Err(Status::NOT_SUPPORTED),
        }
    }

    fn select(&mut self, aid: &[u8]) -> Result<Vec<u8>, Status> {
        let (application, answer) = if Piv::is_meant_by(aid) {
            (Application::Piv, self.piv.selected())
        } else if aid == management::AID {
            (
                Application::Management,
                management::selected(&self.settings),
            )
        } else if aid.starts_with(otp::AID) {
            (Application::Otp, otp::selected(&self.settings))
        } else {
            // SP 800-73-4 part 2 §3.1.1: what was selected stays selected.
            return Err(Status::NOT_FOUND);
        };
        // The security status stays when PIV is selected again, and only then (ibid.).
        if application != Application::Piv {
            self.piv.deselect();
        }
        self.selected = Some(application);
        Ok(answer)
    }

    fn save(&mut self) -> Result<(), FileError> {
        let Some(memory) = self.piv.take_changed() else {
            return Ok(());
        };
        let Some(path) = &self.file else {
            return Ok(());
        };
        let settings = self.settings.clone();
        let bytes = serde_json::to_vec_pretty(&Saved { settings, memory })
            .map_err(|_| FileError::Damaged { path: path.clone() })?;
        write_file(path, &bytes, 0o600)
    }
}

/// The name of a key among those of a folder.
pub(crate) fn serial_name(serial: Option<u32>) -> String {
    serial.map_or_else(|| "without-serial".to_owned(), |serial| serial.to_string())
}
