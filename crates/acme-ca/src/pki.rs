//! The CA's own hierarchy: a root that signs two intermediates and then rests, one intermediate
//! for clients, one for servers, and two SSH user CAs. No key serves two roles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use der::{Decode, Encode};
use x509_cert::Certificate;

use crate::revocation::crl::{self, CrlError};
use crate::signer::{Algorithm, FileKey, KeyFileError, Signer};

mod authority;
mod signed;
mod ssh;
mod tbs;

pub use authority::Authority;
pub(crate) use signed::Signed;
pub use ssh::SshAuthority;
pub(crate) use ssh::fingerprint as ssh_fingerprint;
pub(crate) use tbs::{
    Purpose, RevocationCheck, San, Template, algorithm_identifier, assemble, common_name,
    key_identifier, random_serial, time,
};

/// Where things lie in the folder of a CA.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Of this folder.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("ca.toml")
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.dir.join("ca.db")
    }

    /// The folder of keys and CA certificates.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }

    /// A CA certificate: `root`, `clients` or `servers`.
    #[must_use]
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.pki().join(format!("{name}.pem"))
    }

    /// A private key: `root`, `clients`, `servers`, `ssh-user-1` or `ssh-user-2`.
    #[must_use]
    pub fn key(&self, name: &str) -> PathBuf {
        self.pki().join(format!("{name}.key"))
    }
}

impl Layout {
    /// The root's CRL.
    #[must_use]
    pub fn root_crl(&self) -> PathBuf {
        self.pki().join("root.crl")
    }
}

/// Why the hierarchy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A certificate file cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A certificate file holds no certificate.
    #[error("{path} holds no certificate")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A certificate and the key file beside it do not belong together.
    #[error("the key in {key} is not the one that {certificate} certifies")]
    Mismatch {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        certificate: PathBuf,
    },
    /// An intermediate that the root did not sign.
    #[error("{path} is not signed by the root in pki/root.pem")]
    NotUnderRoot {
        /// The certificate file.
        path: PathBuf,
    },
    /// A CA certificate's time is over, or has not begun.
    #[error("{path} is not valid now: the clock is wrong, or the CA needs a new hierarchy")]
    NotValidNow {
        /// The certificate file.
        path: PathBuf,
    },
    /// A certificate could not be put together.
    #[error("a certificate could not be built: {0}")]
    Build(#[from] x509_cert::builder::Error),
    /// The root's CRL.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// DER could not be written.
    #[error("a certificate could not be encoded: {0}")]
    Der(#[from] der::Error),
    /// A key did not sign.
    #[error(transparent)]
    Sign(#[from] crate::signer::SignError),
    /// An SSH CA key cannot be written in OpenSSH's form.
    #[error("{path} cannot be an SSH CA")]
    Ssh {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
}

/// All that the CA signs with.
pub struct Hierarchy {
    root_der: Vec<u8>,
    root_spki: Vec<u8>,
    /// Signs client certificates.
    pub clients: Authority,
    /// Signs the CA's own server certificate.
    pub servers: Authority,
    /// Sign SSH user certificates; the first one does, the others are trusted in advance.
    pub ssh_users: Vec<SshAuthority>,
}

impl std::fmt::Debug for Hierarchy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hierarchy")
            .field("root", &self.root_fingerprint())
            .finish_non_exhaustive()
    }
}

const YEAR: i64 = 366 * 24 * 60 * 60;
const ROOT_LIFE: i64 = 20 * YEAR;
const INTERMEDIATE_LIFE: i64 = 10 * YEAR;
/// The names of the SSH CAs' key files.
const SSH_USERS: [(&str, Algorithm); 2] = [
    ("ssh-user-1", Algorithm::EcdsaP256Sha256),
    ("ssh-user-2", Algorithm::Ed25519),
];

impl Hierarchy {
    /// Makes all keys and CA certificates in the folder `pki`, which must exist. `host` goes
    /// into their names.
    ///
    /// # Errors
    /// [`PkiError`]; nothing that exists is overwritten.
    pub fn create(layout: &Layout, host: &str, now: i64) -> Result<(), PkiError> {
        let root_key = FileKey::create(&layout.key("root"), Algorithm::EcdsaP384Sha384)?;
        // A CN has at most 64 characters (RFC 5280 appendix A.1).
        let host: String = host.chars().take(40).collect();
        let root_name = common_name(&format!("{host} Root CA"))?;
        let root_template = Template {
            purpose: Purpose::Root,
            subject: root_name.clone(),
            names: Vec::new(),
            spki: root_key.spki_der().to_vec(),
            checked_by: RevocationCheck::Silent,
            serial: random_serial().ok_or(PkiError::Random)?,
            not_before: now - 24 * 60 * 60,
            not_after: now + ROOT_LIFE,
        };
        let root = Authority::self_signed(&root_template, Arc::new(root_key))?;
        write_certificate(&layout.certificate("root"), root.certificate_der())?;
        for (file, title, purpose) in [
            ("clients", "Client CA", Purpose::ClientCa),
            ("servers", "Server CA", Purpose::ServerCa),
        ] {
            let key = FileKey::create(&layout.key(file), Algorithm::EcdsaP256Sha256)?;
            let template = Template {
                purpose,
                subject: common_name(&format!("{host} {title}"))?,
                names: Vec::new(),
                spki: key.spki_der().to_vec(),
                checked_by: RevocationCheck::Silent,
                serial: random_serial().ok_or(PkiError::Random)?,
                not_before: now - 24 * 60 * 60,
                not_after: now + INTERMEDIATE_LIFE,
            };
            let der = root.sign(&template)?;
            write_certificate(&layout.certificate(file), &der)?;
        }
        // While its key is at hand: servers that check whole chains ask for it.
        let issue = crl::Issue {
            number: 1,
            this_update: now - 24 * 60 * 60,
            next_update: now + ROOT_LIFE,
        };
        let crl = crl::to_pem(&crl::build(&root, &[], issue)?)?;
        let path = layout.root_crl();
        crate::signer::write_private(&path, crl.as_bytes())
            .map_err(|error| PkiError::Io { path, error })?;
        for (file, algorithm) in SSH_USERS {
            FileKey::create(&layout.key(file), algorithm)?;
        }
        Ok(())
    }

    /// Reads what the CA needs to serve. The root's private key is not read, and need not be
    /// on this machine.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn load(layout: &Layout) -> Result<Self, PkiError> {
        let root_der = read_certificate(&layout.certificate("root"))?;
        let authority = |name: &str| {
            let path = layout.certificate(name);
            let key_path = layout.key(name);
            let key = FileKey::load(&key_path)?;
            let der = read_certificate(&path)?;
            if !is_signed_by(&der, &root_der) {
                return Err(PkiError::NotUnderRoot { path });
            }
            Authority::new(&der, Arc::new(key))?.ok_or(PkiError::Mismatch {
                key: key_path,
                certificate: path,
            })
        };
        let ssh_users = SSH_USERS
            .iter()
            .map(|(name, _)| {
                let path = layout.key(name);
                let key = FileKey::load(&path)?;
                SshAuthority::new(Arc::new(key), name).ok_or(PkiError::Ssh { path })
            })
            .collect::<Result<_, PkiError>>()?;
        let (clients, servers) = (authority("clients")?, authority("servers")?);
        let root = Certificate::from_der(&root_der)?;
        let root_spki = root.tbs_certificate().subject_public_key_info().to_der()?;
        Ok(Self {
            root_der,
            root_spki,
            clients,
            servers,
            ssh_users,
        })
    }

    /// Whether a key (SubjectPublicKeyInfo in DER) is one of these.
    #[must_use]
    pub fn has_key(&self, spki_der: &[u8]) -> bool {
        let authorities = [self.clients.signer(), self.servers.signer()];
        let ssh = self.ssh_users.iter().map(SshAuthority::signer);
        let mut own = authorities.into_iter().chain(ssh);
        own.any(|signer| signer.spki_der() == spki_der) || self.root_spki == spki_der
    }

    /// Checks that both intermediates are valid at `now`.
    ///
    /// # Errors
    /// [`PkiError::NotValidNow`].
    pub fn check_valid_at(&self, layout: &Layout, now: i64) -> Result<(), PkiError> {
        for (name, authority) in [("clients", &self.clients), ("servers", &self.servers)] {
            if !authority.is_valid_at(now) {
                return Err(PkiError::NotValidNow {
                    path: layout.certificate(name),
                });
            }
        }
        Ok(())
    }

    /// The name of one of the two intermediates in this CA, which is that of its files and of
    /// its CRL.
    #[must_use]
    pub fn name_of(&self, authority: &Authority) -> &'static str {
        if authority.key_identifier() == self.servers.key_identifier() {
            "servers"
        } else {
            "clients"
        }
    }

    /// The root certificate, DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root_der
    }

    /// SHA-256 of the root certificate: what people compare, and what an enrolment bundle names.
    #[must_use]
    pub fn root_fingerprint(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(&self.root_der).into()
    }
}

impl Hierarchy {
    /// [`Hierarchy::root_fingerprint`] in hex.
    #[must_use]
    pub fn root_fingerprint_hex(&self) -> String {
        hex::encode(self.root_fingerprint())
    }
}

fn is_signed_by(der: &[u8], issuer_der: &[u8]) -> bool {
    let check = || {
        let issuer = Certificate::from_der(issuer_der).ok()?;
        let certificate = Certificate::from_der(der).ok()?;
        let spki = issuer.tbs_certificate().subject_public_key_info();
        let key = piv_attest::PublicKey::from_spki_der(&spki.to_der().ok()?).ok()?;
        Signed::read(der).ok()?.verify(&key).ok()?;
        Some(certificate.tbs_certificate().issuer() == issuer.tbs_certificate().subject())
    };
    check().unwrap_or(false)
}

fn read_certificate(path: &Path) -> Result<Vec<u8>, PkiError> {
    let bytes = std::fs::read(path).map_err(|error| PkiError::Io {
        path: path.to_owned(),
        error,
    })?;
    certificate_der(&bytes).ok_or_else(|| PkiError::Format {
        path: path.to_owned(),
    })
}

fn write_certificate(path: &Path, der: &[u8]) -> Result<(), PkiError> {
    crate::signer::write_private(path, pem_certificate(der)?.as_bytes()).map_err(|error| {
        PkiError::Io {
            path: path.to_owned(),
            error,
        }
    })
}

/// A certificate as PEM (RFC 7468 §5).
///
/// # Errors
/// None that a certificate can cause.
pub fn pem_certificate(der: &[u8]) -> Result<String, der::Error> {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, der).map_err(der::Error::from)
}

/// The first certificate in a PEM file, or the one in a DER file.
#[must_use]
pub fn certificate_der(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let der = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => {
            let (_, rest) = text.split_once(BEGIN)?;
            let (body, _) = rest.split_once(END)?;
            let pem = format!("{BEGIN}{body}{END}\n");
            der::pem::decode_vec(pem.as_bytes()).ok()?.1
        }
        _ => bytes.to_vec(),
    };
    Certificate::from_der(&der).ok().map(|_| der)
}
