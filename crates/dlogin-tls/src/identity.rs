//! Which certificate a program shows, read afresh each time.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dlogin_service::KeyId;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::agent_key::AgentKey;
use crate::certificate::Chain;

/// Nobody has more profiles.
const MAX_PROFILES: usize = 64;

/// The certificate of a person, whichever is there when it is wanted.
#[derive(Clone, Debug)]
pub struct Identity {
    folder: PathBuf,
    socket: PathBuf,
    profile: Option<String>,
    peer: Option<String>,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No variable says where the certificates could be.
    #[error("no place for certificates: set XDG_RUNTIME_DIR or HOME")]
    NoPlace,
    /// None at all.
    #[error("there is no TLS certificate in {}: run `dlogin`", folder.display())]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// Not the one that was named.
    #[error("there is no TLS certificate {profile} in {}: run `dlogin {profile}`", folder.display())]
    NoSuch {
        /// What was named.
        profile: String,
        /// The folder.
        folder: PathBuf,
    },
    /// It was there, and has ended.
    #[error("the certificate {profile} has expired: run `dlogin`")]
    Expired {
        /// The profile.
        profile: String,
    },
    /// A key of a kind that signs nothing in TLS.
    #[error("the key of {profile} is of a kind that TLS does not sign with here")]
    Unsupported {
        /// The profile.
        profile: String,
    },
    /// The key on disk.
    #[error("the key of {profile} cannot be read: {source}")]
    Key {
        /// The profile.
        profile: String,
        /// Why.
        source: rustls::Error,
    },
}

impl Identity {
    /// Where `dlogin` keeps certificates and the agent its socket.
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub fn from_env() -> Result<Self, Error> {
        let socket = dlogin_service::socket(|name| std::env::var_os(name)).ok_or(Error::NoPlace)?;
        let folder = socket.parent().ok_or(Error::NoPlace)?.to_owned();
        Ok(Self::new(folder, socket))
    }

    /// The same from the folder of the certificates and the socket of the
    /// agent's signing service.
    #[must_use]
    pub fn new(folder: PathBuf, socket: PathBuf) -> Self {
        Self {
            folder,
            socket,
            profile: None,
            peer: None,
        }
    }

    /// The certificate of this profile and no other. Without, the first whose
    /// key is in the YubiKey, or the first whose key is on disk.
    #[must_use]
    pub fn of_profile(self, profile: impl Into<String>) -> Self {
        Self {
            profile: Some(profile.into()),
            ..self
        }
    }

    /// Whom the person is told that the touch is for.
    #[must_use]
    pub fn for_peer(self, peer: impl Into<String>) -> Self {
        Self {
            peer: Some(peer.into()),
            ..self
        }
    }

    /// The certificate that is there now, with its key. Costs neither a touch
    /// nor a word with the agent.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(&self) -> Result<Arc<CertifiedKey>, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut held = self.held();
        // A live one before an expired one; the YubiKey's before the disk's.
        held.sort_by_key(|held| (held.chain.not_after <= now, held.key_file.is_some()));
        let Some(held) = held.into_iter().next() else {
            let folder = self.folder.clone();
            return Err(match &self.profile {
                Some(profile) => Error::NoSuch {
                    profile: profile.clone(),
                    folder,
                },
                None => Error::None { folder },
            });
        };
        if held.chain.not_after <= now {
            return Err(Error::Expired {
                profile: held.profile,
            });
        }
        let key = match &held.key_file {
            Some(file) => on_disk(file).map_err(|source| Error::Key {
                profile: held.profile.clone(),
                source,
            })?,
            None => self.in_yubikey(&held)?,
        };
        let certified = CertifiedKey::new(held.chain.certificates, key);
        certified.keys_match().map_err(|source| Error::Key {
            profile: held.profile,
            source,
        })?;
        Ok(Arc::new(certified))
    }

    fn in_yubikey(&self, held: &Held) -> Result<Arc<dyn SigningKey>, Error> {
        let algorithm = held.chain.algorithm.ok_or_else(|| Error::Unsupported {
            profile: held.profile.clone(),
        })?;
        Ok(Arc::new(AgentKey {
            socket: self.socket.clone(),
            id: KeyId(Sha256::digest(&held.chain.spki).into()),
            spki: held.chain.spki.clone(),
            algorithm,
            peer: self.peer.clone(),
        }))
    }

    fn held(&self) -> Vec<Held> {
        let read = |profile: String| {
            let path = self.folder.join(format!("{profile}.pem"));
            let key = self.folder.join(format!("{profile}.key"));
            Some(Held {
                chain: Chain::read(&path)?,
                key_file: key.exists().then_some(key),
                profile,
            })
        };
        match &self.profile {
            Some(profile) => read(profile.clone()).into_iter().collect(),
            None => profiles(&self.folder)
                .into_iter()
                .filter_map(read)
                .collect(),
        }
    }
}

struct Held {
    profile: String,
    chain: Chain,
    key_file: Option<PathBuf>,
}

/// By name. What is not in its place yet begins with a dot.
fn profiles(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut profiles: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let profile = name.strip_suffix(".pem")?;
            (!profile.starts_with('.')).then(|| profile.to_owned())
        })
        .take(MAX_PROFILES)
        .collect();
    profiles.sort();
    profiles
}

/// No key file of ours is longer, in bytes.
const MAX_KEY: u64 = 64 * 1024;

/// A key that is not encrypted (RFC 7468 §10). No copy of it stays behind but the one
/// that signs.
fn on_disk(file: &Path) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let unreadable = |error: &dyn std::fmt::Display| {
        rustls::Error::General(format!("{}: {error}", file.display()))
    };
    let pem = read(file).map_err(|error| unreadable(&error))?;
    let mut der = Zeroizing::new(vec![0; pem.len()]);
    let (label, key) =
        pem_rfc7468::decode(&pem, der.as_mut_slice()).map_err(|error| unreadable(&error))?;
    if label != "PRIVATE KEY" {
        return Err(unreadable(&"no PRIVATE KEY"));
    }
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
}

/// Into memory of its size at once: what grows leaves copies behind.
fn read(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut opened = File::open(file)?;
    let length = opened.metadata()?.len();
    if length > MAX_KEY {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut pem = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or_default()]);
    opened.read_exact(&mut pem)?;
    Ok(pem)
}

impl ResolvesClientCert for Identity {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        offered: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let certified = self
            .read()
            .inspect_err(|error| tracing::warn!(%error, "no client certificate"))
            .ok()?;
        // A key that the server takes no signature of is not shown.
        certified.key.choose_scheme(offered)?;
        Some(certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}
