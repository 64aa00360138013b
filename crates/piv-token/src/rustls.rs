//! The key in the YubiKey as the key of a TLS client (feature `rustls`).
//!
//! ```no_run
//! use std::sync::Arc;
//! use piv_attest::Slot;
//! use piv_token::rustls::{CardKey, CertificateFile};
//! use piv_token::{Pin, TouchNeed};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let yubikey = piv_token::open(None)?;
//! let key = CardKey::new(
//!     Box::new(yubikey),
//!     Slot::AUTHENTICATION,
//!     || Pin::new(&std::env::var("PIN").ok()?).ok(),
//!     |_: TouchNeed| eprintln!("Touch the YubiKey now"),
//! )?;
//! let identity = CertificateFile::new("/run/user/1000/dlogin/tls.pem", Arc::new(key));
//! let roots = rustls::RootCertStore::empty();
//! let config = rustls::ClientConfig::builder()
//!     .with_root_certificates(roots)
//!     .with_client_cert_resolver(Arc::new(identity));
//! # Ok(())
//! # }
//! ```
//!
//! A program that wants to ask nobody for a PIN goes through `dlogin agent`
//! instead: the crate `dlogin-tls`.
//!
//! A handshake waits in the thread that drives it, for as long as the PIN and
//! the touch take. RSA keys sign for TLS 1.2 alone: TLS 1.3 wants PSS, which
//! is not made here.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use piv_attest::{KeyAlgorithm, PublicKey, Slot};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};

use crate::{Error, Pin, ToSign, Token, TouchPrompt};

/// No chain of ours is longer, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A key in a slot of a YubiKey, with PIN and touch. One signature at a time.
#[derive(Clone)]
pub struct CardKey {
    public_key: PublicKey,
    card: Arc<Mutex<Card>>,
}

type AskPin = Box<dyn FnMut() -> Option<Pin> + Send>;

struct Card {
    token: Box<dyn Token>,
    slot: Slot,
    needs_pin: bool,
    ask_pin: AskPin,
    prompt: Box<dyn TouchPrompt + Send>,
    /// What the card said of a PIN; no other is sent after it.
    refused: Option<Error>,
}

impl CardKey {
    /// The key in `slot`, as the card attests it. `ask_pin` is asked at each
    /// signature of a key that wants a PIN; `prompt` hears of each touch.
    ///
    /// # Errors
    /// Those of [`Token::attest`], and [`Error::Algorithm`] for a key that no
    /// TLS signature is made with.
    pub fn new(
        mut token: Box<dyn Token>,
        slot: Slot,
        ask_pin: impl FnMut() -> Option<Pin> + Send + 'static,
        prompt: impl TouchPrompt + Send + 'static,
    ) -> Result<Self, Error> {
        let attested = token.attest(slot)?;
        let public_key = attested.public_key().clone();
        if schemes(public_key.algorithm()).is_empty() {
            return Err(Error::Algorithm {
                slot,
                algorithm: public_key.algorithm().to_string(),
            });
        }
        Ok(Self {
            public_key,
            card: Arc::new(Mutex::new(Card {
                token,
                slot,
                needs_pin: attested.needs_pin(),
                ask_pin: Box::new(ask_pin),
                prompt: Box::new(prompt),
                refused: None,
            })),
        })
    }
}

/// How a key signs in TLS, the best first.
fn schemes(key: KeyAlgorithm) -> &'static [SignatureScheme] {
    match key {
        KeyAlgorithm::P256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
        KeyAlgorithm::P384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
        KeyAlgorithm::Ed25519 => &[SignatureScheme::ED25519],
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => &[
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
        ],
        _ => &[],
    }
}

impl SigningKey for CardKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = schemes(self.public_key.algorithm())
            .iter()
            .find(|scheme| offered.contains(scheme))?;
        Some(Box::new(CardSigner {
            card: Arc::clone(&self.card),
            scheme: *scheme,
        }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.public_key.spki_der().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.public_key.algorithm() {
            KeyAlgorithm::Ed25519 => SignatureAlgorithm::ED25519,
            key if key.is_rsa() => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

struct CardSigner {
    card: Arc<Mutex<Card>>,
    scheme: SignatureScheme,
}

impl Signer for CardSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let what = match self.scheme {
            SignatureScheme::RSA_PKCS1_SHA512 => ToSign::MessageSha512(message),
            _ => ToSign::Message(message),
        };
        locked(&self.card)
            .sign(what)
            .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// What another thread's panic left behind is whole: it is only ever replaced.
fn locked(card: &Mutex<Card>) -> MutexGuard<'_, Card> {
    card.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Card {
    fn sign(&mut self, what: ToSign<'_>) -> Result<Vec<u8>, Error> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let pin = if self.needs_pin {
            (self.ask_pin)()
        } else {
            None
        };
        let signed = self
            .token
            .sign(self.slot, pin.as_ref(), what, &mut *self.prompt);
        if let Err(error @ (Error::WrongPin { .. } | Error::PinBlocked)) = &signed {
            self.refused = Some(error.clone());
        }
        signed
    }
}

impl fmt::Debug for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardKey")
            .field("algorithm", &self.public_key.algorithm())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CardSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardSigner")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// A certificate that lives in a file, PEM, the leaf first, for a key that does
/// not change. The file is read at each handshake, so that a renewed
/// certificate is used at the next one.
#[derive(Debug)]
pub struct CertificateFile {
    path: PathBuf,
    key: Arc<dyn SigningKey>,
}

/// Why no certificate is shown to a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No chain in it.
    #[error("{} is no certificate chain in PEM", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// It is for another key.
    #[error("the certificate in {} is not for this key: {source}", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

impl CertificateFile {
    /// The certificate in `path`, whenever it is wanted.
    pub fn new(path: impl Into<PathBuf>, key: Arc<dyn SigningKey>) -> Self {
        Self {
            path: path.into(),
            key,
        }
    }

    /// What is in the file now. [`ResolvesClientCert`] shows nothing where this
    /// fails; whoever wants to know why calls it first.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn read(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        let path = || self.path.clone();
        let pem = read(&self.path).map_err(|source| CertificateError::Unreadable {
            path: path(),
            source,
        })?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| CertificateError::NotPem { path: path() })?;
        let certified = CertifiedKey::new(chain, Arc::clone(&self.key));
        certified
            .keys_match()
            .map_err(|source| CertificateError::OtherKey {
                path: path(),
                source,
            })?;
        Ok(Arc::new(certified))
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut pem)?;
    Ok(pem)
}

impl ResolvesClientCert for CertificateFile {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        offered: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        // A key that the server takes no signature of is not shown.
        self.key.choose_scheme(offered)?;
        self.read()
            .inspect_err(|error| tracing::warn!(%error, "no client certificate"))
            .ok()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
