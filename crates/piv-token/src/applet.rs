//! The commands of the PIV application (NIST SP 800-73-4 part 2) and of
//! Yubico's extensions to it, each with what its status words mean.

use crate::{
    Error, Pin, PinStatus, Puk,
    apdu::{Answer, Channel, Command, Status, transmit},
    tlv,
};
use piv_attest::{Firmware, Serial, Slot};
use zeroize::Zeroizing;

const PIV_AID: &[u8] = &[0xa0, 0x00, 0x00, 0x03, 0x08];
/// The OTP application, which tells the serial number before firmware 5.
const OTP_AID: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01];

const PIN_REFERENCE: u8 = 0x80;
const PUK_REFERENCE: u8 = 0x81;
const MANAGEMENT_REFERENCE: u8 = 0x9b;

/// A data object of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object(pub(crate) [u8; 3]);

impl Object {
    /// The certificate of the attestation key f9.
    pub(crate) const DEVICE_CERTIFICATE: Self = Self([0x5f, 0xff, 0x01]);
    /// Where ykman notes how the management key is kept.
    pub(crate) const ADMIN: Self = Self([0x5f, 0xff, 0x00]);
    /// "Printed information", readable with the PIN alone; ykman keeps the
    /// management key in it.
    pub(crate) const PRINTED: Self = Self([0x5f, 0xc1, 0x09]);

    /// The certificate of a slot (NIST SP 800-73-4 part 1, table 3).
    pub(crate) fn certificate(slot: u8) -> Self {
        let last = match slot {
            0x9a => 0x05,
            0x9c => 0x0a,
            0x9d => 0x0b,
            0x9e => 0x01,
            // Retired keys 82 to 95 follow one another.
            retired => retired.wrapping_sub(0x82).wrapping_add(0x0d),
        };
        Self([0x5f, 0xc1, last])
    }
}

/// What GET METADATA tells of a key, PIN or management key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) algorithm: Option<u8>,
    pub(crate) pin_policy: Option<u8>,
    pub(crate) touch_policy: Option<u8>,
    pub(crate) generated: Option<bool>,
    pub(crate) factory: Option<bool>,
    pub(crate) tries_left: Option<u8>,
}

/// The PIV application of a card that is ours alone.
pub(crate) struct Applet<'c> {
    channel: &'c mut dyn Channel,
}

impl<'c> Applet<'c> {
    /// Selects the application. This also closes whatever PIN was open.
    ///
    /// `None` when the card has no PIV application.
    pub(crate) fn select(channel: &'c mut dyn Channel) -> Result<Option<Self>, Error> {
        let mut applet = Self { channel };
        let answer = applet.select_aid(PIV_AID)?;
        Ok((answer.status == Status::OK).then_some(applet))
    }

    fn select_aid(&mut self, aid: &[u8]) -> Result<Answer, Error> {
        self.send("SELECT", 0xa4, 0x04, 0x00, aid)
    }

    fn send(
        &mut self,
        name: &'static str,
        ins: u8,
        p1: u8,
        p2: u8,
        data: &[u8],
    ) -> Result<Answer, Error> {
        transmit(
            self.channel,
            &Command {
                name,
                ins,
                p1,
                p2,
                data,
            },
        )
    }

    /// GET VERSION (FD): the firmware. `None` when it is no YubiKey.
    pub(crate) fn firmware(&mut self) -> Result<Option<Firmware>, Error> {
        let answer = self.send("GET VERSION", 0xfd, 0, 0, &[])?;
        if answer.status != Status::OK {
            return Ok(None);
        }
        match answer.data.as_slice() {
            &[major, minor, patch] => Ok(Some(Firmware::new(major, minor, patch))),
            _ => Ok(None),
        }
    }

    /// The serial number: GET SERIAL (F8) from firmware 5 on, before that from
    /// the OTP application. `None` when the key does not tell.
    pub(crate) fn serial(&mut self, firmware: Firmware) -> Result<Option<Serial>, Error> {
        let answer = if firmware >= Firmware::new(5, 0, 0) {
            self.send("GET SERIAL", 0xf8, 0, 0, &[])?
        } else {
            let selected = self.select_aid(OTP_AID)?.status == Status::OK;
            let answer = self.send("OTP SERIAL", 0x01, 0x10, 0, &[])?;
            self.select_aid(PIV_AID)?.ok()?;
            if !selected {
                return Ok(None);
            }
            answer
        };
        if answer.status != Status::OK {
            return Ok(None);
        }
        let bytes: [u8; 4] = answer
            .data
            .as_slice()
            .try_into()
            .map_err(|_| Error::Answer {
                command: "GET SERIAL",
            })?;
        let number = u32::from_be_bytes(bytes);
        // Keys whose serial is not visible over USB answer with zeros.
        Ok((number != 0).then(|| Serial::from(number)))
    }

    /// VERIFY without data: the state of the PIN, at no cost.
    pub(crate) fn pin_status(&mut self) -> Result<PinStatus, Error> {
        let metadata = self.metadata(PIN_REFERENCE)?;
        let answer = self.send("VERIFY", 0x20, 0, PIN_REFERENCE, &[])?;
        let told = match answer.status {
            Status::OK => None,
            status => Some(status.tries_left().ok_or_else(|| answer.refused())?),
        };
        let (known, factory) = metadata.map_or((None, None), |m| (m.tries_left, m.factory));
        Ok(PinStatus {
            tries_left: told.or(known),
            factory,
        })
    }

    /// VERIFY. The last try is spent only if the PIN says so.
    pub(crate) fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        let asked = self.send("VERIFY", 0x20, 0, PIN_REFERENCE, &[])?;
        match asked.status.tries_left() {
            Some(0) => return Err(Error::PinBlocked),
            Some(1) if !pin.may_spend_last_try() => return Err(Error::LastPinTry),
            _ => {}
        }
        let answer = self.send("VERIFY", 0x20, 0, PIN_REFERENCE, pin.padded().as_slice())?;
        pin_result(&answer)
    }

    /// CHANGE REFERENCE DATA: from one PIN to another. `verify` comes first.
    pub(crate) fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        let mut both = Zeroizing::new([0u8; 16]);
        let (first, second) = both.split_at_mut(8);
        first.copy_from_slice(old.padded().as_slice());
        second.copy_from_slice(new.padded().as_slice());
        let answer = self.send("CHANGE PIN", 0x24, 0, PIN_REFERENCE, both.as_slice())?;
        match answer.status {
            Status::CONDITIONS | Status::WRONG_DATA => Err(Error::NewPinRefused),
            _ => pin_result(&answer),
        }
    }

    /// CHANGE REFERENCE DATA: from one PUK to another.
    pub(crate) fn change_puk(&mut self, old: &Puk, new: &Puk) -> Result<(), Error> {
        let mut both = Zeroizing::new([0u8; 16]);
        let (first, second) = both.split_at_mut(8);
        first.copy_from_slice(old.padded().as_slice());
        second.copy_from_slice(new.padded().as_slice());
        let answer = self.send("CHANGE PUK", 0x24, 0, PUK_REFERENCE, both.as_slice())?;
        match answer.status {
            Status::OK => Ok(()),
            Status::CONDITIONS | Status::WRONG_DATA => Err(Error::NewPinRefused),
            status => match status.tries_left() {
                Some(0) => Err(Error::PukBlocked),
                Some(tries_left) => Err(Error::WrongPuk { tries_left }),
                None => Err(answer.refused()),
            },
        }
    }

    /// SET MANAGEMENT KEY (FF), without a touch. The card is open for changes.
    pub(crate) fn set_management_key(&mut self, algorithm: u8, key: &[u8]) -> Result<(), Error> {
        let length = u8::try_from(key.len()).map_err(|_| Error::System {
            what: "a short key",
        })?;
        let mut data = Zeroizing::new(Vec::with_capacity(40));
        data.extend_from_slice(&[algorithm, MANAGEMENT_REFERENCE, length]);
        data.extend_from_slice(key);
        self.send("SET MANAGEMENT KEY", 0xff, 0xff, 0xff, &data)?
            .ok()?;
        Ok(())
    }

    /// GENERAL AUTHENTICATE with a key of a slot: the signature of `input`,
    /// which was hashed and padded already.
    pub(crate) fn authenticate(
        &mut self,
        algorithm: u8,
        slot: u8,
        input: &[u8],
    ) -> Result<Answer, Error> {
        let mut template = Zeroizing::new(Vec::with_capacity(input.len() + 8));
        tlv::push(&mut template, 0x82, &[]);
        tlv::push(&mut template, 0x81, input);
        let data = tlv::element(0x7c, &template);
        self.send("GENERAL AUTHENTICATE", 0x87, algorithm, slot, &data)
    }

    /// GENERAL AUTHENTICATE with the management key; the template as it is.
    pub(crate) fn management(&mut self, algorithm: u8, template: &[u8]) -> Result<Answer, Error> {
        let data = tlv::element(0x7c, template);
        self.send(
            "AUTHENTICATE MANAGEMENT",
            0x87,
            algorithm,
            MANAGEMENT_REFERENCE,
            &data,
        )
    }

    /// ATTEST (F9): the attestation certificate of a slot.
    pub(crate) fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, Error> {
        let answer = self.send("ATTEST", 0xf9, slot.as_byte(), 0, &[])?;
        match answer.status {
            Status::OK => Ok(answer.data.to_vec()),
            // What an empty slot and an imported key answer has changed over
            // the years; metadata tells them apart where there is any.
            Status::REFERENCE_NOT_FOUND
            | Status::NOT_FOUND
            | Status::WRONG_DATA
            | Status::CONDITIONS
            | Status::WRONG_PARAMETERS
            | Status(0x6f00) => match self.metadata(slot.as_byte())? {
                Some(_) => Err(Error::Imported { slot }),
                None => Err(Error::NoKey { slot }),
            },
            _ => Err(answer.refused()),
        }
    }

    /// GET METADATA (F7). `None` for an empty slot, and for firmware before
    /// 5.3, which has no metadata.
    pub(crate) fn metadata(&mut self, reference: u8) -> Result<Option<Metadata>, Error> {
        let answer = self.send("GET METADATA", 0xf7, 0, reference, &[])?;
        match answer.status {
            Status::OK => {}
            Status::REFERENCE_NOT_FOUND
            | Status::NOT_FOUND
            | Status::UNKNOWN_INSTRUCTION
            | Status::NOT_SUPPORTED
            | Status::WRONG_PARAMETERS => return Ok(None),
            _ => return Err(answer.refused()),
        }
        let byte = |tag| tlv::find(&answer.data, tag).and_then(|v| v.first().copied());
        let policy = |at: usize| tlv::find(&answer.data, 2).and_then(|v| v.get(at).copied());
        Ok(Some(Metadata {
            algorithm: byte(1),
            pin_policy: policy(0),
            touch_policy: policy(1),
            generated: byte(3).map(|origin| origin == 1),
            factory: byte(5).map(|default| default == 1),
            tries_left: tlv::find(&answer.data, 6).and_then(|v| v.get(1).copied()),
        }))
    }

    /// GET METADATA of the management key.
    pub(crate) fn management_metadata(&mut self) -> Result<Option<Metadata>, Error> {
        self.metadata(MANAGEMENT_REFERENCE)
    }

    /// GET METADATA of the PUK.
    pub(crate) fn puk_metadata(&mut self) -> Result<Option<Metadata>, Error> {
        self.metadata(PUK_REFERENCE)
    }

    /// GENERATE ASYMMETRIC KEY PAIR.
    pub(crate) fn generate(
        &mut self,
        slot: u8,
        algorithm: u8,
        pin_policy: u8,
        touch_policy: u8,
    ) -> Result<(), Error> {
        let template = [
            0x80,
            1,
            algorithm,
            0xaa,
            1,
            pin_policy,
            0xab,
            1,
            touch_policy,
        ];
        let data = tlv::element(0xac, &template);
        self.send("GENERATE", 0x47, 0, slot, &data)?.ok()?;
        Ok(())
    }

    /// GET DATA: the contents of an object, `None` if there is none.
    pub(crate) fn get(&mut self, object: Object) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let data = tlv::element(0x5c, &object.0);
        let answer = self.send("GET DATA", 0xcb, 0x3f, 0xff, &data)?;
        match answer.status {
            Status::OK => {}
            Status::NOT_FOUND | Status::REFERENCE_NOT_FOUND => return Ok(None),
            _ => return Err(answer.refused()),
        }
        let value = tlv::find(&answer.data, 0x53).ok_or(Error::Answer {
            command: "GET DATA",
        })?;
        Ok((!value.is_empty()).then(|| Zeroizing::new(value.to_vec())))
    }

    /// PUT DATA: replaces the contents of an object.
    pub(crate) fn put(&mut self, object: Object, contents: &[u8]) -> Result<(), Error> {
        let mut data = Zeroizing::new(Vec::with_capacity(contents.len() + 16));
        tlv::push(&mut data, 0x5c, &object.0);
        tlv::push(&mut data, 0x53, contents);
        self.send("PUT DATA", 0xdb, 0x3f, 0xff, &data)?.ok()?;
        Ok(())
    }

    /// The certificate in an object. A compressed one, which some programs
    /// write, is returned as none: we only want to show it.
    pub(crate) fn certificate(&mut self, object: Object) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .get(object)?
            .and_then(|contents| tlv::find(&contents, 0x70).map(<[u8]>::to_vec)))
    }

    /// Puts a certificate into an object (NIST SP 800-73-4 part 1, table 10).
    pub(crate) fn put_certificate(&mut self, object: Object, der: &[u8]) -> Result<(), Error> {
        let mut contents = Zeroizing::new(Vec::with_capacity(der.len() + 12));
        tlv::push(&mut contents, 0x70, der);
        tlv::push(&mut contents, 0x71, &[0]);
        tlv::push(&mut contents, 0xfe, &[]);
        self.put(object, &contents)
    }
}

fn pin_result(answer: &Answer) -> Result<(), Error> {
    match answer.status {
        Status::OK => Ok(()),
        status => match status.tries_left() {
            Some(0) => Err(Error::PinBlocked),
            Some(tries_left) => Err(Error::WrongPin { tries_left }),
            None => Err(answer.refused()),
        },
    }
}
