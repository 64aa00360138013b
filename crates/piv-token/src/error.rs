//! Everything that can go wrong between us and the card.

use piv_attest::{Firmware, Serial, Slot};

/// What went wrong with a card, a reader or pcscd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers on the socket of pcscd.
    #[error(
        "the smart-card service pcscd is not running: install it (apt install pcscd) \
         and start it (systemctl start pcscd.socket)"
    )]
    NoPcscd,
    /// pcscd runs, but does not let this person use cards.
    #[error(
        "pcscd does not let you use smart cards: polkit allows it in a local session; \
         for other sessions an administrator adds a rule for org.debian.pcsc-lite.access_card"
    )]
    NotPermitted,
    /// pcscd knows no reader with a card in it; a YubiKey brings its own.
    #[error(
        "no YubiKey is plugged in: plug it in (if it is in, `pcsc_scan` should show it; \
         its CCID interface may be disabled)"
    )]
    NoReader,
    /// There are readers, but no YubiKey with PIV in any of them.
    #[error("no YubiKey with the PIV application among the smart cards ({})", .readers.join(", "))]
    NoYubiKey {
        /// The names of the readers that were looked at.
        readers: Vec<String>,
    },
    /// Several YubiKeys, and no word which.
    #[error("{} YubiKeys are plugged in: choose one with --serial ({})", .serials.len(), listed(.serials))]
    SeveralYubiKeys {
        /// Their serial numbers; `None` for one that does not tell it.
        serials: Vec<Option<Serial>>,
    },
    /// The YubiKey asked for is not there.
    #[error("YubiKey {wanted} is not plugged in (found: {})", listed(.found))]
    NoSuchSerial {
        /// The serial number asked for.
        wanted: Serial,
        /// What is plugged in.
        found: Vec<Option<Serial>>,
    },
    /// The YubiKey was pulled out, before or while it was used.
    #[error("the YubiKey was unplugged: plug it in and try again")]
    Unplugged,
    /// Another YubiKey sits where ours did; it was sent no PIN.
    #[error("another YubiKey was plugged in meanwhile (expected {}, found {})", one(.expected), one(.found))]
    Exchanged {
        /// The one that was opened.
        expected: Option<Serial>,
        /// The one that is there now.
        found: Option<Serial>,
    },
    /// Another program kept the card for itself for as long as we waited.
    #[error(
        "another program holds the YubiKey (waited {waited_seconds} s): close it and try again; \
         GnuPG lets go after `gpgconf --kill scdaemon`"
    )]
    Busy {
        /// How long we waited, in seconds.
        waited_seconds: u64,
    },
    /// The PIN was wrong.
    #[error("wrong PIN, {} left", tries(*.tries_left))]
    WrongPin {
        /// Tries left before the PIN is blocked.
        tries_left: u8,
    },
    /// One try is left, and nobody said that it may be spent. Nothing was sent.
    #[error(
        "only one PIN try is left and it was not spent: \
         a wrong PIN now blocks the PIN until the PUK resets it"
    )]
    LastPinTry,
    /// No tries are left.
    #[error("the PIN is blocked: unblock it with the PUK (ykman piv access unblock-pin)")]
    PinBlocked,
    /// The key needs a PIN, and none was given.
    #[error("the key in slot {slot} needs the PIN")]
    PinRequired {
        /// The slot.
        slot: Slot,
    },
    /// The PUK was wrong.
    #[error("wrong PUK, {} left", tries(*.tries_left))]
    WrongPuk {
        /// Tries left before the PUK is blocked.
        tries_left: u8,
    },
    /// No tries are left.
    #[error(
        "the PUK is blocked: only a reset of the PIV application, which erases all its keys, gives it back (ykman piv reset)"
    )]
    PukBlocked,
    /// The object in which the management key would be kept holds something else.
    #[error(
        "the YubiKey's object for printed information (5FC109) holds something else, and the \
         management key would be kept there: it was not changed"
    )]
    PrintedTaken,
    /// A new PIN was refused by the card.
    #[error("the YubiKey refused the new PIN: choose another (too simple or of the wrong length)")]
    NewPinRefused,
    /// Nobody touched the key in time.
    #[error("the YubiKey was not touched in time: nothing was signed")]
    NotTouched,
    /// Nothing in the slot.
    #[error("there is no key in slot {slot} of the YubiKey: make one with `dlogin setup`")]
    NoKey {
        /// The slot.
        slot: Slot,
    },
    /// The key was not made on this YubiKey, so nothing vouches for it.
    #[error(
        "the key in slot {slot} was imported, not made on the YubiKey, so the YubiKey cannot \
         attest it: make a new one with `dlogin setup`"
    )]
    Imported {
        /// The slot.
        slot: Slot,
    },
    /// The f9 certificate, which attests for the others, is missing.
    #[error(
        "the YubiKey holds no attestation certificate (slot f9): it was deleted, or never made"
    )]
    NoDeviceCertificate,
    /// The key cannot do what was asked.
    #[error("the key in slot {slot} ({algorithm}) cannot sign this")]
    Algorithm {
        /// The slot.
        slot: Slot,
        /// What the key is.
        algorithm: String,
    },
    /// The firmware is too old.
    #[error("{what} needs YubiKey firmware {needs}; this one has {has}")]
    Firmware {
        /// What was asked for.
        what: &'static str,
        /// From which firmware on it exists.
        needs: Firmware,
        /// What this YubiKey has.
        has: Firmware,
    },
    /// RSA keys made by firmware 4.2.6 to 4.3.4 can be factored (ROCA,
    /// CVE-2017-15361).
    #[error("firmware {has} makes RSA keys that can be broken (ROCA): choose p256 or p384")]
    Roca {
        /// What this YubiKey has.
        has: Firmware,
    },
    /// The slot holds something, and overwriting was not asked for.
    #[error("slot {slot} is not empty: nothing was overwritten")]
    SlotTaken {
        /// The slot.
        slot: Slot,
    },
    /// The management key is not the one that was given.
    #[error("the YubiKey has another management key than the one given")]
    WrongManagementKey,
    /// The management key has the wrong length for the card's algorithm.
    #[error("the YubiKey's management key has {expected} bytes; the one given has {found}")]
    ManagementKeyLength {
        /// Bytes of the card's algorithm.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The card says that its management key is kept on it, but it is not there.
    #[error(
        "the YubiKey says that its management key is protected by the PIN, but does not hold it"
    )]
    NoProtectedManagementKey,
    /// A message is too long for this kind of key; Ed25519 takes it whole.
    #[error("{length} bytes are too long to be signed by the YubiKey (at most {limit})")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// The card could not be reset, so the PIN may still be open on it.
    #[error("the YubiKey could not be reset after the PIN was used: unplug it now")]
    NotReset,
    /// The card answered a command with a status that we have no name for.
    #[error("the YubiKey refused {command} (status {status:04x})")]
    Status {
        /// The command.
        command: &'static str,
        /// SW1 SW2.
        status: u16,
    },
    /// The card's answer is not what the standard says.
    #[error("the YubiKey's answer to {command} makes no sense")]
    Answer {
        /// The command.
        command: &'static str,
    },
    /// The machine gave no randomness or no thread.
    #[error("the operating system could not give {what}")]
    System {
        /// What was wanted.
        what: &'static str,
    },
    /// Any other error of PC/SC.
    #[error("smart-card service: {0}")]
    Pcsc(pcsc::Error),
}

fn one(serial: &Option<Serial>) -> String {
    serial
        .as_ref()
        .map_or_else(|| "one without serial".into(), ToString::to_string)
}

fn listed(all: &[Option<Serial>]) -> String {
    if all.is_empty() {
        return "none".into();
    }
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn tries(left: u8) -> String {
    match left {
        1 => "1 try".into(),
        n => format!("{n} tries"),
    }
}
