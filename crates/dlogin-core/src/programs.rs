//! `dlogin env`: what programs have to be told to use the certificates.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::certificate::x509;
use crate::held::{Certificate, CertificateName, Folder, KeyPlace, Kind};
use crate::{Config, Error, Paths, ProfileName, files};

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// How the variables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `export NAME='value'`, for sh, bash and zsh.
    Sh,
    /// `set -gx NAME 'value'`.
    Fish,
    /// One object.
    Json,
}

/// The variables at one site: where the agent is, the PKCS#11 module if there
/// is one, and the TLS certificate with its key. The certificate is the
/// profile's, or the one whose key is in the YubiKey, or the first on disk.
///
/// # Errors
/// [`Error::NotHeld`] where a profile is named that has no live TLS
/// certificate; [`Error::NoSite`] where the site has neither certificates nor
/// CAs; those of reading the folder.
pub fn variables(
    paths: &Paths,
    profile: Option<&ProfileName>,
    module: Option<&Path>,
) -> Result<Vec<Variable>, Error> {
    let agent = paths.at(None).certificate_dir().join("agent.sock");
    let mut all = vec![variable("SSH_AUTH_SOCK", &agent)];
    if let Some(module) = module {
        // OpenSSL's engine, and the provider that took its place.
        all.push(variable("PKCS11_MODULE_PATH", module));
        all.push(variable("PKCS11_PROVIDER_MODULE", module));
    }
    match chosen(paths, profile)? {
        Some(certificate) => tls(&certificate, &mut all)?,
        // A name with a slip in it is no site without certificates.
        None if paths.site().is_some() => {
            Config::load(paths)?.cas_of(paths.site())?;
        }
        None => {}
    }
    Ok(all)
}

fn variable(name: &'static str, path: &Path) -> Variable {
    Variable {
        name,
        value: path.display().to_string(),
    }
}

fn chosen(paths: &Paths, profile: Option<&ProfileName>) -> Result<Option<Certificate>, Error> {
    let now = OffsetDateTime::now_utc();
    let held = match Folder::look(paths)? {
        Some(folder) => folder.list()?,
        None => Vec::new(),
    };
    let found = held
        .into_iter()
        .filter(|held| held.kind == Kind::Tls && now < held.not_after)
        .filter(|held| profile.is_none_or(|profile| held.profile == *profile))
        .min_by_key(|held| held.key != KeyPlace::Yubikey);
    match (found, profile) {
        (None, Some(profile)) => Err(Error::NotHeld {
            name: CertificateName::at(paths, profile),
        }),
        (found, _) => Ok(found),
    }
}

fn tls(certificate: &Certificate, all: &mut Vec<Variable>) -> Result<(), Error> {
    let mut files = certificate.files.iter();
    let Some(chain) = files.next() else {
        return Ok(());
    };
    let Some(uri) = key_uri(chain)? else {
        return Ok(());
    };
    all.push(variable("DLOGIN_CERTIFICATE", chain));
    match files.next() {
        Some(key) => {
            all.push(variable("DLOGIN_KEY", key));
            for (name, file) in [
                ("PGSSLCERT", chain),
                ("PGSSLKEY", key),
                ("GIT_SSL_CERT", chain),
                ("GIT_SSL_KEY", key),
            ] {
                all.push(variable(name, file));
            }
        }
        None => {
            all.push(variable("PGSSLCERT", chain));
            // libpq: the engine's name, and what the engine calls the key.
            all.push(Variable {
                name: "PGSSLKEY",
                value: format!("pkcs11:{uri}"),
            });
        }
    }
    all.push(Variable {
        name: "DLOGIN_KEY_URI",
        value: uri,
    });
    Ok(())
}

/// The address (RFC 7512) of a certificate's key in the module, by the
/// `CKA_ID`, which is the SHA-256 of the public key: a key that several
/// certificates have goes by the name of the first. `None` where the file is
/// gone.
fn key_uri(chain: &Path) -> Result<Option<String>, Error> {
    let spki = files::read_text(chain)?.and_then(|pem| x509::spki(&pem).ok());
    Ok(spki.map(|spki| {
        let mut uri = String::from("pkcs11:token=dlogin;id=");
        for byte in Sha256::digest(spki) {
            let _ = write!(uri, "%{byte:02X}");
        }
        uri + ";type=private"
    }))
}

/// The variables as the shell takes them.
#[must_use]
pub fn written(variables: &[Variable], shell: Shell) -> String {
    let mut text = String::new();
    match shell {
        Shell::Sh => {
            for Variable { name, value } in variables {
                let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            }
        }
        Shell::Fish => {
            for Variable { name, value } in variables {
                let value = value.replace('\\', r"\\").replace('\'', r"\'");
                let _ = writeln!(text, "set -gx {name} '{value}'");
            }
        }
        Shell::Json => {
            let object: serde_json::Map<_, _> = variables
                .iter()
                .map(|Variable { name, value }| ((*name).to_owned(), value.as_str().into()))
                .collect();
            let _ = writeln!(text, "{}", serde_json::Value::Object(object));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_gets_out_of_its_quotes() {
        let odd = [Variable {
            name: "A",
            value: r"it's \ $(x)".to_owned(),
        }];
        assert_eq!(written(&odd, Shell::Sh), "export A='it'\\''s \\ $(x)'\n");
        assert_eq!(written(&odd, Shell::Fish), "set -gx A 'it\\'s \\\\ $(x)'\n");
        assert_eq!(written(&odd, Shell::Json), "{\"A\":\"it's \\\\ $(x)\"}\n");
    }

    #[test]
    fn without_certificates_only_agent_and_module_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::from_lookup(|_| Some(folder.path().into())).unwrap();
        let all = variables(&paths, None, Some(Path::new("/m.so"))).unwrap();
        let names: Vec<_> = all.iter().map(|variable| variable.name).collect();
        assert_eq!(
            names,
            [
                "SSH_AUTH_SOCK",
                "PKCS11_MODULE_PATH",
                "PKCS11_PROVIDER_MODULE"
            ]
        );
        let tls = ProfileName::new("tls").unwrap();
        assert!(matches!(
            variables(&paths, Some(&tls), None),
            Err(Error::NotHeld { name }) if name.profile == tls
        ));
    }
}
