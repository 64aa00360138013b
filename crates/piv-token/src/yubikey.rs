//! A YubiKey behind PC/SC.

use crate::{
    Attestation, Error, Generate, ManageToken, Management, ManagementStatus, Pin, PinStatus, Puk,
    SlotContents, SlotKey, ToSign, Token, TokenInfo, TouchNeed, TouchPrompt, algorithm,
    apdu::{Channel, Status},
    applet::{Applet, Object},
    leaf,
    management::Lock,
    session::{Leave, Visit},
    signing, tlv,
};
use piv_attest::{PinPolicy, Slot, TouchPolicy};
use std::{collections::HashMap, ffi::CString, time::Duration};

/// A YubiKey that was found by [`open`](crate::open).
///
/// It holds nothing open: each call connects, checks that the same YubiKey
/// still sits in the reader, works in one transaction, and disconnects.
#[derive(Debug)]
pub struct YubiKey {
    reader: CString,
    info: TokenInfo,
    patience: Duration,
    /// What was attested, so that a signature need not ask again.
    attested: HashMap<Slot, Attestation>,
}

impl YubiKey {
    pub(crate) fn new(reader: CString, info: TokenInfo, patience: Duration) -> Self {
        Self {
            reader,
            info,
            patience,
            attested: HashMap::new(),
        }
    }

    /// One transaction with our YubiKey and no other.
    fn visit<R: Send + 'static>(
        &self,
        leave: Leave,
        prompt: &mut dyn TouchPrompt,
        work: impl FnOnce(Visitor<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let visit = Visit {
            reader: self.reader.clone(),
            patience: self.patience,
            leave,
        };
        let expected = self.info.clone();
        visit.run(prompt, move |card, touch| {
            let applet = enter(card, &expected)?;
            work(Visitor { applet, touch })
        })
    }

    fn quietly<R: Send + 'static>(
        &self,
        leave: Leave,
        work: impl FnOnce(Visitor<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let mut nobody = |_: TouchNeed| {};
        self.visit(leave, &mut nobody, work)
    }
}

/// Our YubiKey's PIV application, and the way to announce a touch.
struct Visitor<'a> {
    applet: Applet<'a>,
    touch: crate::session::Touch<'a>,
}

/// Selects PIV, after a look whether it is still the same YubiKey: a PIN must
/// not be sent to another one, where it would cost a try.
fn enter<'c>(card: &'c mut dyn Channel, expected: &TokenInfo) -> Result<Applet<'c>, Error> {
    let mut applet = Applet::select(card)?.ok_or(Error::Exchanged {
        expected: expected.serial,
        found: None,
    })?;
    let found = applet.serial(expected.firmware)?;
    if found == expected.serial {
        Ok(applet)
    } else {
        Err(Error::Exchanged {
            expected: expected.serial,
            found,
        })
    }
}

fn attest(applet: &mut Applet<'_>, slot: Slot) -> Result<Attestation, Error> {
    let certificate = applet.attest(slot)?;
    let device = applet
        .certificate(Object::DEVICE_CERTIFICATE)?
        .ok_or(Error::NoDeviceCertificate)?;
    leaf::read(slot, certificate, device)
}

impl Token for YubiKey {
    fn info(&self) -> &TokenInfo {
        &self.info
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.quietly(Leave::AsItIs, |mut v| v.applet.pin_status())
    }

    fn attest(&mut self, slot: Slot) -> Result<Attestation, Error> {
        self.attested.remove(&slot);
        algorithm::attesting(self.info.firmware)?;
        let attestation = self.quietly(Leave::AsItIs, move |mut v| attest(&mut v.applet, slot))?;
        self.attested.insert(slot, attestation.clone());
        Ok(attestation)
    }

    fn sign(
        &mut self,
        slot: Slot,
        pin: Option<&Pin>,
        what: ToSign<'_>,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<Vec<u8>, Error> {
        let key = match self.attested.get(&slot) {
            Some(known) => known.clone(),
            None => self.attest(slot)?,
        };
        let input = signing::input(slot, key.algorithm(), what)?;
        let algorithm = algorithm::byte(key.algorithm()).ok_or_else(|| Error::Algorithm {
            slot,
            algorithm: key.algorithm().to_string(),
        })?;
        let pin = match key.pin_policy() {
            PinPolicy::Never => None,
            PinPolicy::Once | PinPolicy::Always if pin.is_none() => {
                return Err(Error::PinRequired { slot });
            }
            _ => pin.cloned(),
        };
        let need = key.needs_touch();
        let leave = if pin.is_some() {
            Leave::Reset
        } else {
            Leave::AsItIs
        };
        self.visit(leave, prompt, move |Visitor { mut applet, touch }| {
            if let Some(pin) = &pin {
                applet.verify(pin)?;
            }
            touch.around(need, || {
                sign(
                    &mut applet,
                    slot,
                    algorithm,
                    &input,
                    need.is_some(),
                    pin.is_some(),
                )
            })
        })
    }
}

/// The signature, or what the status of its refusal means here.
fn sign(
    applet: &mut Applet<'_>,
    slot: Slot,
    algorithm: u8,
    input: &[u8],
    touch: bool,
    pin: bool,
) -> Result<Vec<u8>, Error> {
    let answer = applet.authenticate(algorithm, slot.as_byte(), input)?;
    match answer.status {
        Status::OK => tlv::find(&answer.data, 0x7c)
            .and_then(|t| tlv::find(t, 0x82))
            .map(<[u8]>::to_vec)
            .ok_or(Error::Answer {
                command: "GENERAL AUTHENTICATE",
            }),
        Status::SECURITY_STATUS | Status::CONDITIONS if touch => Err(Error::NotTouched),
        Status::SECURITY_STATUS if !pin => Err(Error::PinRequired { slot }),
        Status::REFERENCE_NOT_FOUND | Status::NOT_FOUND => Err(Error::NoKey { slot }),
        // Some firmware says so of an empty slot, too.
        Status::WRONG_DATA if applet.metadata(slot.as_byte())?.is_none() => {
            Err(Error::NoKey { slot })
        }
        _ => Err(answer.refused()),
    }
}

impl ManageToken for YubiKey {
    fn inspect(&mut self, slot: Slot) -> Result<SlotContents, Error> {
        self.quietly(Leave::AsItIs, move |mut v| inspect(&mut v.applet, slot))
    }

    fn management_status(&mut self) -> Result<ManagementStatus, Error> {
        self.quietly(Leave::Reset, |mut v| {
            Lock::read(&mut v.applet)?.status(&mut v.applet)
        })
    }

    fn generate(
        &mut self,
        request: &Generate,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<Attestation, Error> {
        let algorithm = algorithm::makeable(request.slot, request.algorithm, self.info.firmware)?;
        let request = request.clone();
        let slot = request.slot;
        self.attested.remove(&slot);
        let made = self.visit(
            Leave::Reset,
            prompt,
            move |Visitor { mut applet, touch }| {
                if !request.overwrite && !inspect(&mut applet, slot)?.is_empty() {
                    return Err(Error::SlotTaken { slot });
                }
                let lock = Lock::read(&mut applet)?;
                let key = lock.key(&mut applet, &request.management)?;
                touch.around(lock.touch(), || lock.open(&mut applet, &key))?;
                applet.generate(
                    slot.as_byte(),
                    algorithm,
                    request.pin_policy.as_byte(),
                    request.touch_policy.as_byte(),
                )?;
                let made = attest(&mut applet, slot)?;
                applet.put_certificate(Object::certificate(slot.as_byte()), made.leaf())?;
                Ok(made)
            },
        )?;
        self.attested.insert(slot, made.clone());
        Ok(made)
    }

    fn certify(
        &mut self,
        slot: Slot,
        management: &Management,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<(), Error> {
        let management = management.clone();
        self.visit(
            Leave::Reset,
            prompt,
            move |Visitor { mut applet, touch }| {
                let key = attest(&mut applet, slot)?;
                let lock = Lock::read(&mut applet)?;
                let opens = lock.key(&mut applet, &management)?;
                touch.around(lock.touch(), || lock.open(&mut applet, &opens))?;
                applet.put_certificate(Object::certificate(slot.as_byte()), key.leaf())
            },
        )
    }

    fn check_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        let pin = pin.clone();
        self.quietly(Leave::Reset, move |mut v| v.applet.verify(&pin))
    }

    fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        let (old, new) = (old.clone(), new.clone());
        self.quietly(Leave::Reset, move |mut v| {
            // VERIFY first: it guards the last try.
            v.applet.verify(&old)?;
            v.applet.change_pin(&old, &new)
        })
    }

    fn change_puk(&mut self, old: &Puk, new: &Puk) -> Result<(), Error> {
        let (old, new) = (old.clone(), new.clone());
        self.quietly(Leave::Reset, move |mut v| v.applet.change_puk(&old, &new))
    }

    fn block_puk(&mut self) -> Result<(), Error> {
        // A counter is one byte; every wrong guess costs one, and a right one
        // changes the PUK to itself.
        let guess = Puk::random()?;
        self.quietly(Leave::Reset, move |mut v| {
            let mut guess = guess;
            for _ in 0..=usize::from(u8::MAX) {
                match v.applet.change_puk(&guess, &guess) {
                    Err(Error::PukBlocked) => return Ok(()),
                    Err(Error::WrongPuk { .. }) => {}
                    Ok(()) => guess = Puk::random()?,
                    Err(error) => return Err(error),
                }
            }
            Err(Error::Answer {
                command: "CHANGE PUK",
            })
        })
    }

    fn protect_management_key(
        &mut self,
        old: &Management,
        pin: &Pin,
        prompt: &mut dyn TouchPrompt,
    ) -> Result<(), Error> {
        let (old, pin) = (old.clone(), pin.clone());
        self.visit(
            Leave::Reset,
            prompt,
            move |Visitor { mut applet, touch }| {
                let lock = Lock::read(&mut applet)?;
                let key = lock.key(&mut applet, &old)?;
                touch.around(lock.touch(), || lock.open(&mut applet, &key))?;
                applet.verify(&pin)?;
                lock.protect(&mut applet)
            },
        )
    }

    fn finish_protection(&mut self, pin: &Pin) -> Result<bool, Error> {
        let pin = pin.clone();
        self.quietly(Leave::Reset, move |mut v| {
            v.applet.verify(&pin)?;
            Lock::read(&mut v.applet)?.finish(&mut v.applet)
        })
    }
}

fn inspect(applet: &mut Applet<'_>, slot: Slot) -> Result<SlotContents, Error> {
    let metadata = applet.metadata(slot.as_byte())?;
    let attested = match attest(applet, slot) {
        Ok(attestation) => Some(attestation),
        Err(Error::NoKey { .. } | Error::Imported { .. } | Error::NoDeviceCertificate) => None,
        Err(e) => return Err(e),
    };
    let key = match (metadata, attested) {
        (None, None) => None,
        (_, Some(attestation)) => Some(SlotKey {
            generated: true,
            pin_policy: Some(attestation.pin_policy()),
            touch_policy: Some(attestation.touch_policy()),
            public_key: Some(attestation.public_key().clone()),
        }),
        (Some(metadata), None) => Some(SlotKey {
            generated: metadata.generated.unwrap_or(false),
            public_key: None,
            pin_policy: metadata.pin_policy.and_then(PinPolicy::from_byte),
            touch_policy: metadata.touch_policy.and_then(TouchPolicy::from_byte),
        }),
    };
    Ok(SlotContents {
        slot,
        key,
        certificate: applet.certificate(Object::certificate(slot.as_byte()))?,
    })
}

#[cfg(test)]
mod tests;
