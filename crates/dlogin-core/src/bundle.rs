//! `dlogin bundle`: what the operator enrols.
//!
//! A bundle says which key a person has, and proves that they have it: the key
//! signs the CA's root fingerprint, the user and a nonce, so a bundle is worth
//! nothing to another CA or for another user.

use acme_yubikey::enrolment::{Bundle, BundleError as FormatError, EnrolmentMessage};
use piv_attest::{PublicKey, RustCrypto, SignatureAlgorithm, Slot};
use piv_token::{Attestation, Pin, ToSign, Token, TouchPrompt};

use crate::config::Ca;
use crate::pin::{PinEntry, PinError};
use crate::{Config, Error, Exit, SiteName, trust};

/// What a bundle is made for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The user, as the operator calls them.
    pub user: &'a str,
    /// SHA-256 of the root certificate (DER) of the CA that is trusted.
    pub root_fingerprint: [u8; 32],
    /// The slot of the key to be enrolled.
    pub slot: Slot,
    /// The enrolment token that the operator gave out; a fresh nonce without.
    pub token: Option<Vec<u8>>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The user's name or the enrolment token is not one.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The card.
    #[error(transparent)]
    Card(#[from] piv_token::Error),
    /// The PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The signature is not by the key that was attested.
    #[error("the key in slot {slot} was changed while it was used: run `dlogin bundle` again")]
    KeyChanged {
        /// The slot.
        slot: Slot,
    },
    /// The key cannot sign.
    #[error("the key in slot {slot} cannot sign: make another with `dlogin setup`")]
    CannotSign {
        /// The slot.
        slot: Slot,
    },
}

impl BundleError {
    /// The program's exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Format(_) => Exit::Usage,
            Self::Pin(e) => e.exit(),
            Self::Card(_) | Self::KeyChanged { .. } | Self::CannotSign { .. } => Exit::Card,
        }
    }
}

/// The CA that a bundle is made for: the one that is named, else the first of
/// the site.
///
/// # Errors
/// Those of [`Config::cas_of`]; [`Error::NotTrusted`] where it is not of this
/// site.
pub fn ca<'a>(
    config: &'a Config,
    site: Option<&SiteName>,
    url: Option<&str>,
) -> Result<&'a Ca, Error> {
    let Some(url) = url else {
        return config.first_ca(site);
    };
    let base = trust::base_url(url)?;
    let cas = config.cas_of(site)?;
    let found = cas.into_iter().find(|ca| ca.url == base);
    found.ok_or(Error::NotTrusted { url: base })
}

/// The CAs of the same site to whom a bundle for this one says nothing: they
/// have another root.
#[must_use]
pub fn others(config: &Config, ca: &Ca) -> Vec<String> {
    let mut roots = vec![&ca.root_sha256];
    let mut others = Vec::new();
    for other in config.cas.iter().filter(|other| other.site == ca.site) {
        if !roots.contains(&&other.root_sha256) {
            roots.push(&other.root_sha256);
            others.push(other.url.clone());
        }
    }
    others
}

/// Makes the bundle for one key: one PIN, one touch, as the key has it.
/// `about_to_sign` is called when it is certain what will be signed, before
/// PIN and touch, to say it.
///
/// # Errors
/// [`BundleError`].
pub fn make(
    token: &mut dyn Token,
    request: &Request<'_>,
    about_to_sign: impl FnOnce(&Attestation),
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
) -> Result<Bundle, BundleError> {
    let slot = request.slot;
    let nonce = match &request.token {
        Some(token) => token.clone(),
        None => fresh_nonce()?,
    };
    let key = token.attest(slot)?;
    // Built before anybody is asked for anything: it refuses bad names.
    let message = EnrolmentMessage::new(
        request.root_fingerprint,
        request.user,
        &nonce,
        key.public_key().spki_sha256(),
    )?;
    about_to_sign(&key);
    let signature = sign(token, &key, message.as_bytes(), pin, touch)?;
    check(slot, key.public_key(), message.as_bytes(), &signature)?;
    Ok(Bundle::new(
        request.root_fingerprint,
        request.user,
        nonce,
        key.chain(),
        signature,
    )?)
}

fn fresh_nonce() -> Result<Vec<u8>, piv_token::Error> {
    let mut nonce = vec![0; 32];
    aws_lc_rs::rand::fill(&mut nonce)
        .map_err(|_| piv_token::Error::System { what: "randomness" })?;
    Ok(nonce)
}

fn sign(
    token: &mut dyn Token,
    key: &Attestation,
    message: &[u8],
    pin: &mut PinEntry<'_>,
    touch: &mut dyn TouchPrompt,
) -> Result<Vec<u8>, PinError> {
    let (slot, what) = (key.slot(), ToSign::Message(message));
    if key.needs_pin() {
        pin.with(token, |token, pin: &Pin| {
            token.sign(slot, Some(pin), what, touch)
        })
    } else {
        Ok(token.sign(slot, None, what, touch)?)
    }
}

/// A bundle that the operator could not read is found here, not there.
fn check(slot: Slot, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), BundleError> {
    let algorithm =
        SignatureAlgorithm::usual_for(key.algorithm()).ok_or(BundleError::CannotSign { slot })?;
    key.verify::<RustCrypto>(algorithm, message, signature)
        .map_err(|_| BundleError::KeyChanged { slot })
}
