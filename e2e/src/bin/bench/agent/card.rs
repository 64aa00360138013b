//! Straight from the card: PC/SC and the commands of NIST SP 800-73-4, no more of
//! them than it takes.

use std::ffi::CString;

use e2e::{Failure, Result};
use pcsc::{Card, Context, Disposition, MAX_BUFFER_SIZE, Protocols, Scope, ShareMode};

const SELECT_PIV: &[u8] = b"\x00\xa4\x04\x00\x05\xa0\x00\x00\x03\x08";
/// GENERAL AUTHENTICATE: P-256, slot 9a, a digest of 32 bytes.
const SIGN: &[u8] = b"\x00\x87\x11\x9a\x26\x7c\x24\x82\x00\x81\x20";

/// A card that was found.
pub(super) struct Place {
    context: Context,
    reader: CString,
    verify: Vec<u8>,
}

impl Place {
    /// The first reader's.
    pub(super) fn find(pin: &str) -> Result<Self> {
        let context = Context::establish(Scope::User)?;
        let reader = context.list_readers_owned()?.into_iter().next();
        let reader = reader.ok_or_else(|| Failure::new("pcscd has no reader"))?;
        // VERIFY: eight bytes, filled up with ff.
        let mut verify = b"\x00\x20\x00\x80\x08".to_vec();
        verify.extend(pin.bytes());
        verify.resize(5 + 8, 0xff);
        Ok(Self {
            context,
            reader,
            verify,
        })
    }

    fn connect(&self) -> Result<Card> {
        Ok(self
            .context
            .connect(&self.reader, ShareMode::Shared, Protocols::ANY)?)
    }

    /// One signature as a program must make it that leaves nothing open for others:
    /// all in one transaction that ends with a reset.
    pub(super) fn visit(&self, digest: &[u8]) -> Result<Vec<u8>> {
        let mut card = self.connect()?;
        let transaction = card.transaction()?;
        open(&transaction, &self.verify)?;
        let signature = sign(&transaction, digest)?;
        transaction
            .end(Disposition::ResetCard)
            .map_err(|(_, error)| error)?;
        card.disconnect(Disposition::LeaveCard)
            .map_err(|(_, error)| error)?;
        Ok(signature)
    }
}

/// Opens the card, and gives `work` a signature that costs one command; resets it
/// in the end.
pub(super) fn command<R>(
    pin: &str,
    digest: &[u8],
    work: impl FnOnce(&mut dyn FnMut() -> Result<Vec<u8>>) -> Result<R>,
) -> Result<R> {
    let place = Place::find(pin)?;
    let mut card = place.connect()?;
    let transaction = card.transaction()?;
    open(&transaction, &place.verify)?;
    let result = work(&mut || sign(&transaction, digest));
    transaction
        .end(Disposition::ResetCard)
        .map_err(|(_, error)| error)?;
    result
}

fn open(card: &Card, verify: &[u8]) -> Result<()> {
    transmit(card, SELECT_PIV)?;
    transmit(card, verify)?;
    Ok(())
}

fn sign(card: &Card, digest: &[u8]) -> Result<Vec<u8>> {
    transmit(card, &[SIGN, digest].concat())
}

fn transmit(card: &Card, command: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = [0; MAX_BUFFER_SIZE];
    match card.transmit(command, &mut buffer)?.split_last_chunk::<2>() {
        Some((answer, [0x90, 0x00])) => Ok(answer.to_vec()),
        other => Err(Failure::new(format!("the card answers {other:02x?}"))),
    }
}
