//! The ACME account: a key on this computer that holds the orders together.
//! It entitles to nothing; a certificate takes a touch.

use acme_wire::AccountKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::config::Ca;
use crate::{Error, Paths, files};

/// An account key, and the account's URL once the CA gave it one.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) key: AccountKey,
    pub(crate) url: Option<String>,
}

/// More CAs than any site has; the account that was made first is forgotten.
const MAX_CAS: usize = 32;

/// `account.toml` of a site.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "account")]
    accounts: Vec<Stored>,
}

/// The account at one CA. One file, so that key and URL always fit.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Stored {
    directory: String,
    root_sha256: String,
    url: String,
    /// PKCS#8, base64.
    key: String,
}

impl Stored {
    fn is_at(&self, ca: &Ca) -> bool {
        self.directory == ca.directory && self.root_sha256 == ca.root_sha256
    }
}

impl File {
    /// The file once held one account and nothing else.
    fn load(paths: &Paths) -> Result<Self, Error> {
        let path = place(paths);
        let Some(text) = files::read_text(&path)?.map(Zeroizing::new) else {
            return Ok(Self::default());
        };
        if let Ok(one) = toml::from_str::<Stored>(&text) {
            return Ok(Self {
                accounts: vec![one],
            });
        }
        toml::from_str(&text).map_err(|source| Error::Config {
            path,
            source: Box::new(without_input(source)),
        })
    }
}

fn place(paths: &Paths) -> std::path::PathBuf {
    paths.state_dir().join("account.toml")
}

impl Account {
    /// The account at this CA; a new key where there is none. The account of
    /// another CA is of no use here, and its key is not shown to this one.
    pub(crate) fn load(paths: &Paths, ca: &Ca) -> Result<Self, Error> {
        let path = place(paths);
        let accounts = File::load(paths)?.accounts;
        match accounts.into_iter().find(|stored| stored.is_at(ca)) {
            Some(stored) => {
                use base64ct::{Base64, Encoding};
                let der = Zeroizing::new(
                    Base64::decode_vec(&stored.key)
                        .map_err(|_| Error::Account { path: path.clone() })?,
                );
                let key = AccountKey::from_pkcs8_der(&der).map_err(|_| Error::Account { path })?;
                Ok(Self {
                    key,
                    url: Some(stored.url.clone()),
                })
            }
            None => Self::fresh(),
        }
    }

    /// A key that no CA has seen.
    pub(crate) fn fresh() -> Result<Self, Error> {
        Ok(Self {
            key: AccountKey::generate()?,
            url: None,
        })
    }

    /// Remembers the account that the CA made for this key.
    pub(crate) fn save(&self, paths: &Paths, ca: &Ca, url: &str) -> Result<(), Error> {
        use base64ct::{Base64, Encoding};
        let stored = Stored {
            directory: ca.directory.clone(),
            root_sha256: ca.root_sha256.clone(),
            url: url.to_owned(),
            key: Base64::encode_string(&self.key.to_pkcs8_der()?),
        };
        let mut file = File::load(paths)?;
        file.accounts.retain(|other| !other.is_at(ca));
        file.accounts.insert(0, stored);
        file.accounts.truncate(MAX_CAS);
        let text = toml::to_string(&file).map_err(|source| Error::ConfigWrite { source })?;
        let text = Zeroizing::new(text);
        files::write_private(&place(paths), text.as_bytes())
    }
}

/// The parser's error shows the line at fault, which may hold the key.
fn without_input(mut error: toml::de::Error) -> toml::de::Error {
    error.set_input(None);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(dir: &tempfile::TempDir) -> Paths {
        Paths::from_lookup(|name| (name == "HOME").then(|| dir.path().as_os_str().to_owned()))
            .unwrap()
    }

    fn ca(directory: &str) -> Ca {
        Ca {
            site: None,
            url: "https://h".to_owned(),
            directory: directory.to_owned(),
            root_sha256: "00".repeat(32),
            root_pem: String::new(),
        }
    }

    #[test]
    fn the_account_of_one_ca_is_kept_and_not_shown_to_another() {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(&dir);
        let here = ca("https://h/directory");
        let account = Account::load(&paths, &here).unwrap();
        assert_eq!(account.url, None);
        account.save(&paths, &here, "https://h/a/1").unwrap();

        let again = Account::load(&paths, &here).unwrap();
        assert_eq!(again.url.as_deref(), Some("https://h/a/1"));
        assert_eq!(again.key.jwk().thumbprint(), account.key.jwk().thumbprint());

        let elsewhere = Account::load(&paths, &ca("https://other/directory")).unwrap();
        assert_eq!(elsewhere.url, None);
        assert_ne!(
            elsewhere.key.jwk().thumbprint(),
            account.key.jwk().thumbprint()
        );
    }

    #[test]
    fn each_ca_of_a_site_keeps_its_account() {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(&dir);
        let both = [ca("https://a/directory"), ca("https://b/directory")];
        for ca in &both {
            Account::load(&paths, ca)
                .unwrap()
                .save(&paths, ca, &ca.directory)
                .unwrap();
        }
        for ca in &both {
            let account = Account::load(&paths, ca).unwrap();
            assert_eq!(account.url.as_ref(), Some(&ca.directory));
        }
    }

    #[test]
    fn the_file_of_before_several_cas_is_still_read() {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(&dir);
        let here = ca("https://h/directory");
        let account = Account::load(&paths, &here).unwrap();
        account.save(&paths, &here, "https://h/a/1").unwrap();
        let text = files::read_text(&place(&paths)).unwrap().unwrap();
        let before = text.replace("[[account]]\n", "");
        assert_ne!(text, before);
        files::write_private(&place(&paths), before.as_bytes()).unwrap();
        let again = Account::load(&paths, &here).unwrap();
        assert_eq!(again.url.as_deref(), Some("https://h/a/1"));
    }

    #[test]
    fn a_broken_account_file_does_not_spill_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(&dir);
        files::write_private(&place(&paths), b"key = \"SECRET\" x").unwrap();
        let error = Account::load(&paths, &ca("https://h/directory")).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("account.toml"), "{shown}");
    }
}
