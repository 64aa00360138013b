//! Certificates with keys on disk (yubikey-02), copied into databases: for
//! browsers that cannot load the module.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dlogin_core::status::status;
use dlogin_core::{Certificate, KeyPlace, Kind, Paths, ProfileName, files};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::file;
use crate::nss::{self, Database};
use crate::places::{Home, has_database};
use crate::record::{Held, Import, Record};
use crate::{Error, pkcs12};

/// A certificate that a database has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The profile, with the name of its site before it if it has one.
    pub name: String,
    /// The folder of the database.
    pub folder: PathBuf,
}

/// The name in databases.
fn nickname(name: &str) -> String {
    format!("{} {name}", nss::NAME)
}

/// The certificate of this profile at the site of `paths`, with its chain and
/// its key on disk.
struct Identity {
    certificate: Certificate,
    chain: String,
    key: Zeroizing<String>,
}

impl Identity {
    fn find(paths: &Paths, profile: &ProfileName) -> Result<Self, Error> {
        let missing = || Error::NoCertificate {
            profile: profile.clone(),
        };
        let certificate = status(paths)?
            .certificates
            .into_iter()
            .find(|held| {
                let found = &held.certificate;
                found.profile == *profile && found.site.as_ref() == paths.site() && !held.expired
            })
            .map(|held| held.certificate)
            .ok_or_else(missing)?;
        Self::of(certificate)
    }

    fn of(certificate: Certificate) -> Result<Self, Error> {
        let profile = certificate.profile.clone();
        if certificate.kind != Kind::Tls {
            return Err(Error::NotTls { profile });
        }
        let [chain, key] = certificate.files.as_slice() else {
            return Err(Error::InYubikey { profile });
        };
        let missing = || Error::NoCertificate {
            profile: profile.clone(),
        };
        Ok(Self {
            chain: files::read_text(chain)?.ok_or_else(missing)?,
            key: files::read_text(key)?
                .map(Zeroizing::new)
                .ok_or_else(missing)?,
            certificate,
        })
    }

    fn pkcs12(&self, password: &str) -> Result<Vec<u8>, Error> {
        let name = nickname(&self.certificate.name().to_string());
        Ok(pkcs12::make(&self.chain, &self.key, &name, password)?)
    }
}

/// Copies certificates with keys on disk into databases: those named, or all
/// that are held, of the site of `paths`; into the databases named, or those of browsers that do not
/// have the module. What was imported before is replaced. Databases may be in
/// use: NSS shares them.
///
/// # Errors
/// [`Error`].
pub fn import(
    home: &Home,
    paths: &Paths,
    profiles: &[ProfileName],
    databases: &[PathBuf],
) -> Result<Vec<Imported>, Error> {
    crate::install::own_home(home)?;
    nss::tools()?;
    let folders = if databases.is_empty() {
        without_module(home)?
    } else {
        databases.to_vec()
    };
    if let Some(folder) = folders.iter().find(|folder| !has_database(folder)) {
        return Err(Error::NoDatabase {
            folder: folder.clone(),
        });
    }
    let identities = if profiles.is_empty() {
        on_disk(paths)?
            .into_iter()
            .filter(|certificate| certificate.site.as_ref() == paths.site())
            .map(Identity::of)
            .collect::<Result<Vec<_>, _>>()?
    } else {
        profiles
            .iter()
            .map(|profile| Identity::find(paths, profile))
            .collect::<Result<_, _>>()?
    };
    let mut held = Held::load(&paths.at(None))?;
    let mut imported = Vec::new();
    for identity in identities {
        for folder in &folders {
            replace(&mut held, folder, &identity)?;
            imported.push(Imported {
                name: identity.certificate.name().to_string(),
                folder: folder.clone(),
            });
        }
    }
    Ok(imported)
}

/// Those of every site.
fn on_disk(paths: &Paths) -> Result<Vec<Certificate>, Error> {
    let mut held = status(paths)?.certificates;
    held.retain(|held| {
        !held.expired
            && held.certificate.kind == Kind::Tls
            && held.certificate.key == KeyPlace::Disk
    });
    Ok(held.into_iter().map(|held| held.certificate).collect())
}

fn without_module(home: &Home) -> Result<Vec<PathBuf>, Error> {
    let mut folders: Vec<_> = home
        .sandboxes()
        .into_iter()
        .flat_map(|sandbox| sandbox.databases)
        .collect();
    for place in home.places() {
        if has_database(&place.folder) && Database(&place.folder).registered()?.is_none() {
            folders.push(place.folder);
        }
    }
    if folders.is_empty() {
        return Err(Error::NothingToImportInto);
    }
    Ok(folders)
}

/// What NSS's tool reads from a file, in memory alone: however this process ends,
/// no key stays behind.
struct Passed(File);

impl Passed {
    fn new(content: &[u8]) -> Result<Self, Error> {
        let made = || -> io::Result<File> {
            let mut made = File::from(memfd_create("dlogin", MemfdFlags::CLOEXEC)?);
            made.write_all(content)?;
            Ok(made)
        };
        made().map(Self).map_err(file(Path::new("memory"), "write"))
    }

    /// Where the tool finds it, which does not inherit it.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn put_in(folder: &Path, identity: &Identity) -> Result<(), Error> {
    let password = pkcs12::password()?;
    let file = Passed::new(&identity.pkcs12(&password)?)?;
    let password = Passed::new(password.as_bytes())?;
    Database(folder)
        .run(
            "pk12util",
            &["-i", &file.path(), "-w", &password.path(), "-K", ""],
        )
        .map(drop)
}

/// Puts a certificate into a database, in place of what that has of the same name.
/// It is on record before it is there. What was there before and could not be
/// replaced stays on record, and is tried again by [`keep_up`].
fn replace(held: &mut Held, folder: &Path, identity: &Identity) -> Result<(), Error> {
    let import = Import {
        folder: folder.to_owned(),
        name: identity.certificate.name().to_string(),
        serial: String::new(),
    };
    let imports = &mut held.record.imports;
    let before = imports.len();
    imports.retain(|old| (&old.folder, &old.name) != (&import.folder, &import.name));
    let is_new = imports.len() == before;
    imports.push(import.clone());
    held.save()?;
    let done = take_one_out(&import).and_then(|()| put_in(folder, identity));
    let gone = is_new && done.is_err() && take_one_out(&import).is_ok();
    if gone {
        held.record.imports.pop();
    } else if let (Ok(()), Some(import)) = (&done, held.record.imports.last_mut()) {
        import.serial.clone_from(&identity.certificate.serial);
    }
    done.and(held.save())
}

/// Takes imported certificates and their keys out of the databases.
pub(crate) fn take_out(record: &mut Record, which: impl Fn(&Import) -> bool) -> Result<(), Error> {
    let mut kept = Vec::new();
    let mut failed = None;
    for import in std::mem::take(&mut record.imports) {
        // A database that is gone has nothing of ours.
        if !which(&import) || failed.is_some() {
            kept.push(import);
        } else if has_database(&import.folder)
            && let Err(error) = take_one_out(&import)
        {
            failed = Some(error);
            kept.push(import);
        }
    }
    record.imports = kept;
    failed.map_or(Ok(()), Err)
}

fn take_one_out(import: &Import) -> Result<(), Error> {
    let database = Database(&import.folder);
    let name = nickname(&import.name);
    let listed = |name: &str| -> Result<bool, Error> {
        let list = database.run("certutil", &["-L"])?;
        Ok(list.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with("  ") || rest.trim().is_empty())
        }))
    };
    if listed(&name)? {
        // With its key.
        database.run("certutil", &["-F", "-n", &name, "-f", "/dev/null"])?;
    }
    let above = pkcs12::ca_name(&name);
    // One for each certificate of the chain.
    for _ in 0..8 {
        if !listed(&above)? {
            break;
        }
        database.run("certutil", &["-D", "-n", &above])?;
    }
    Ok(())
}

/// After certificates came or went: what was imported is replaced by what is
/// held now, or taken out where nothing is. Gives what could not be done.
#[must_use]
pub fn keep_up(paths: &Paths) -> Vec<Error> {
    let paths = &paths.at(None);
    let held = match Record::load(paths) {
        Ok(record) if record.imports.is_empty() => return Vec::new(),
        Ok(_) => Held::load(paths).and_then(|held| Ok((held, on_disk(paths)?))),
        Err(error) => Err(error),
    };
    let (mut held, certificates) = match held {
        Ok(held) => held,
        Err(error) => return vec![error],
    };
    let mut failed = Vec::new();
    for import in held.record.imports.clone() {
        let now = certificates
            .iter()
            .find(|certificate| certificate.name().to_string() == import.name);
        if now.is_some_and(|certificate| certificate.serial == import.serial) {
            continue;
        }
        let done = match now {
            // A database that is gone is told of once, and forgotten.
            Some(certificate) if has_database(&import.folder) => Identity::of(certificate.clone())
                .and_then(|identity| replace(&mut held, &import.folder, &identity)),
            Some(_) => {
                held.record.imports.retain(|old| *old != import);
                Err(Error::NoDatabase {
                    folder: import.folder,
                })
            }
            None => take_out(&mut held.record, |old| *old == import),
        };
        failed.extend(done.err());
    }
    failed.extend(held.save().err());
    failed
}

/// Writes a PKCS#12 file of a certificate with a key on disk, of the site of
/// `paths`, for its owner
/// alone (0600). A file that is there is replaced.
///
/// # Errors
/// [`Error`].
pub fn export(
    paths: &Paths,
    profile: &ProfileName,
    to: &Path,
    password: &str,
) -> Result<(), Error> {
    let bytes = Identity::find(paths, profile)?.pkcs12(password)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let new = to.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut opened| {
            opened.write_all(&bytes)?;
            opened.sync_all()
        })
        .and_then(|()| fs::rename(&new, to));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        file(to, "write")(error)
    })
}
