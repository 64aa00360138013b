//! The certificates on this computer: what is there, and taking it away.
//!
//! The files say everything; there is no list beside them that could be wrong.

mod lock;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;

use crate::certificate::{ssh, x509};
use crate::clock::rfc3339;
use crate::files::{self, Pending, TEMPORARY};
use crate::{Error, Paths, ProfileName, SiteName};

/// The kind of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// X.509, for TLS.
    Tls,
    /// An OpenSSH user certificate.
    Ssh,
}

/// Where the private key of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// In the YubiKey; each use takes a touch.
    Yubikey,
    /// In `PROFILE.key`.
    Disk,
}

/// A certificate on this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The site; `None` is the one without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// The profile that it was issued for.
    pub profile: ProfileName,
    /// TLS or SSH.
    pub kind: Kind,
    /// Where its key is.
    pub key: KeyPlace,
    /// Names (TLS) or principals (SSH).
    pub names: Vec<String>,
    /// Serial number: hexadecimal (TLS), decimal (SSH).
    pub serial: String,
    /// Its beginning, RFC 3339.
    #[serde(serialize_with = "as_rfc3339")]
    pub not_before: OffsetDateTime,
    /// Its end, RFC 3339.
    #[serde(serialize_with = "as_rfc3339")]
    pub not_after: OffsetDateTime,
    /// Its files, the certificate first.
    pub files: Vec<PathBuf>,
}

/// What a certificate is called among those of all sites: `tls`, or `work/tls`.
/// So its files are called, too, in the folder of the certificates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateName {
    /// The site; `None` is the one without a name.
    pub site: Option<SiteName>,
    /// The profile.
    pub profile: ProfileName,
}

impl CertificateName {
    /// Of a profile at the site of `paths`.
    pub(crate) fn at(paths: &Paths, profile: &ProfileName) -> Self {
        Self {
            site: paths.site().cloned(),
            profile: profile.clone(),
        }
    }
}

impl std::fmt::Display for CertificateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.site {
            Some(site) => write!(f, "{site}/{}", self.profile),
            None => self.profile.fmt(f),
        }
    }
}

impl Serialize for CertificateName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Certificate {
    /// What it is called among those of all sites.
    #[must_use]
    pub fn name(&self) -> CertificateName {
        CertificateName {
            site: self.site.clone(),
            profile: self.profile.clone(),
        }
    }

    /// Its end, RFC 3339.
    #[must_use]
    pub fn end(&self) -> String {
        rfc3339(self.not_after)
    }
}

fn as_rfc3339<S: serde::Serializer>(
    time: &OffsetDateTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// The folder of the certificates, ours alone for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    site: Option<SiteName>,
    _lock: File,
}

/// What the files of a profile are called.
#[derive(Clone, Copy)]
enum Role {
    Chain,
    Key,
    SshCertificate,
    SshPublicKey,
}

impl Role {
    const ALL: [Self; 4] = [
        // `-cert.pub` before `.pub`, which it ends in.
        Self::SshCertificate,
        Self::SshPublicKey,
        Self::Chain,
        Self::Key,
    ];

    fn suffix(self) -> &'static str {
        match self {
            Self::Chain => ".pem",
            Self::Key => ".key",
            Self::SshCertificate => "-cert.pub",
            Self::SshPublicKey => ".pub",
        }
    }
}

/// A checked certificate with all that belongs to it, to be written.
pub(crate) enum New<'a> {
    Tls {
        chain: &'a str,
    },
    Ssh {
        certificate: &'a str,
        public_key: &'a str,
    },
}

impl Folder {
    fn place(&self, profile: &ProfileName, role: Role) -> PathBuf {
        self.path.join(format!("{profile}{}", role.suffix()))
    }

    /// All certificates that can be read, by profile.
    pub(crate) fn list(&self) -> Result<Vec<Certificate>, Error> {
        let mut found: Vec<_> = self
            .profiles()?
            .into_iter()
            .flat_map(|profile| [self.tls(&profile), self.ssh(&profile)])
            .flatten()
            .collect();
        found.sort_by(|a, b| a.profile.cmp(&b.profile));
        Ok(found)
    }

    /// Every profile that has any file here.
    fn profiles(&self) -> Result<Vec<ProfileName>, Error> {
        let mut profiles: Vec<_> = self
            .names()?
            .iter()
            .filter_map(|name| {
                Role::ALL
                    .iter()
                    .find_map(|role| name.strip_suffix(role.suffix()))
            })
            .filter_map(|name| ProfileName::new(name).ok())
            .collect();
        profiles.sort();
        profiles.dedup();
        Ok(profiles)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let read = || -> io::Result<Vec<String>> {
            fs::read_dir(&self.path)?
                .map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()))
                .collect()
        };
        read().map_err(|source| Error::Unreadable {
            path: self.path.clone(),
            source,
        })
    }

    fn tls(&self, profile: &ProfileName) -> Option<Certificate> {
        let chain = self.place(profile, Role::Chain);
        let facts = x509::read(&files::read_text(&chain).ok()??).ok()?;
        let key = self.place(profile, Role::Key);
        let on_disk = key.exists();
        Some(Certificate {
            site: self.site.clone(),
            profile: profile.clone(),
            kind: Kind::Tls,
            key: key_place(on_disk),
            names: facts.names,
            serial: facts.serial,
            not_before: facts.from,
            not_after: facts.until,
            files: [Some(chain), on_disk.then_some(key)]
                .into_iter()
                .flatten()
                .collect(),
        })
    }

    fn ssh(&self, profile: &ProfileName) -> Option<Certificate> {
        let certificate = self.place(profile, Role::SshCertificate);
        let facts = ssh::read(&files::read_text(&certificate).ok()??).ok()?;
        let key = self.place(profile, Role::Key);
        let on_disk = key.exists();
        Some(Certificate {
            site: self.site.clone(),
            profile: profile.clone(),
            kind: Kind::Ssh,
            key: key_place(on_disk),
            names: facts.principals,
            serial: facts.serial,
            not_before: facts.from,
            not_after: facts.until,
            files: [
                Some(certificate),
                Some(self.place(profile, Role::SshPublicKey)),
                on_disk.then_some(key),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }

    /// Replaces what is held of a profile. Everything is on the disk before
    /// the old is touched; the key goes first, so that a certificate never
    /// stands beside a key that is not its own.
    pub(crate) fn store(
        &self,
        profile: &ProfileName,
        new: &New<'_>,
        key_pem: Option<&str>,
    ) -> Result<(), Error> {
        let write = |role, text: &str| Pending::write(&self.place(profile, role), text.as_bytes());
        let mut pending = Vec::new();
        if let Some(key) = key_pem {
            pending.push(write(Role::Key, key)?);
        }
        match new {
            New::Tls { chain } => pending.push(write(Role::Chain, chain)?),
            New::Ssh {
                certificate,
                public_key,
            } => {
                pending.push(write(Role::SshPublicKey, public_key)?);
                pending.push(write(Role::SshCertificate, certificate)?);
            }
        }
        self.remove(profile)?;
        for file in pending {
            file.commit()?;
        }
        Ok(())
    }

    /// Removes what is held of a profile. Answers whether there was anything.
    fn remove(&self, profile: &ProfileName) -> Result<bool, Error> {
        let mut any = files::remove_secret(&self.place(profile, Role::Key))?;
        for role in [Role::Chain, Role::SshCertificate, Role::SshPublicKey] {
            any |= files::remove(&self.place(profile, role))?;
        }
        Ok(any)
    }

    /// Removes what has expired, what no certificate goes with any more, and
    /// what an interrupted run left behind.
    pub(crate) fn sweep(&self, now: OffsetDateTime) -> Result<Vec<CertificateName>, Error> {
        for name in self.names()? {
            if name.starts_with('.') && name.ends_with(TEMPORARY) {
                files::remove_secret(&self.path.join(name))?;
            }
        }
        let valid: Vec<_> = self
            .list()?
            .into_iter()
            .filter(|certificate| now < certificate.not_after)
            .map(|certificate| certificate.profile)
            .collect();
        let mut removed = Vec::new();
        for profile in self.profiles()? {
            if !valid.contains(&profile) && self.remove(&profile)? {
                removed.push(self.named(profile));
            }
        }
        Ok(removed)
    }

    /// Removes everything.
    pub(crate) fn clear(&self) -> Result<Vec<CertificateName>, Error> {
        let profiles = self.profiles()?;
        for profile in &profiles {
            self.remove(profile)?;
        }
        for name in self.names()? {
            if name.ends_with(TEMPORARY) {
                files::remove_secret(&self.path.join(name))?;
            }
        }
        Ok(profiles
            .into_iter()
            .map(|profile| self.named(profile))
            .collect())
    }

    fn named(&self, profile: ProfileName) -> CertificateName {
        CertificateName {
            site: self.site.clone(),
            profile,
        }
    }

    /// The certificate that a profile has.
    pub(crate) fn get(&self, profile: &ProfileName) -> Option<Certificate> {
        self.tls(profile).or_else(|| self.ssh(profile))
    }
}

fn key_place(on_disk: bool) -> KeyPlace {
    if on_disk {
        KeyPlace::Disk
    } else {
        KeyPlace::Yubikey
    }
}

#[cfg(test)]
mod tests;
