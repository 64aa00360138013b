//! `dlogin trust`: pin a CA's root, and nothing else, for all that follows.
//!
//! A site may have several CAs: copies of one under the same root, or others
//! whose certificates the site accepts, each under its own. They are asked in
//! the order in which they were trusted, each when those before it are down.

use std::path::Path;

use reqwest::Url;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ca_error::CaError;
use crate::config::{Ca, Config};
use crate::http::Http;
use crate::text::printable;
use crate::{Error, Paths, SiteName, acme, files};

/// How the person knows which root is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// SHA-256 of the root certificate (DER), in hexadecimal; colons, blanks,
    /// a leading `SHA256` or `SHA-256` and upper case are accepted.
    Fingerprint(&'a str),
    /// The root certificate itself, PEM or DER.
    File(&'a Path),
}

/// What is trusted from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trusted {
    /// The site; `None` is the one without a name.
    pub site: Option<SiteName>,
    /// The CA.
    pub url: String,
    /// Its ACME directory.
    pub directory: String,
    /// SHA-256 of its root certificate, lower-case hexadecimal.
    pub root_sha256: String,
    /// The profiles that it offers, with its own words for each.
    pub profiles: std::collections::BTreeMap<String, String>,
    /// All CAs of the site, in the order in which they are asked.
    pub asked: Vec<String>,
}

/// A CA that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The site; `None` is the one without a name.
    pub site: Option<SiteName>,
    /// The CA.
    pub url: String,
    /// SHA-256 of its root certificate, lower-case hexadecimal.
    pub root_sha256: String,
}

/// Finds the root, makes sure that it is the known one and that the CA really
/// speaks under it, and stores it for the site of `paths`. A CA that the site
/// has already gets the new root; another one is asked after those that are
/// there. Where anything fails, nothing is stored.
///
/// # Errors
/// [`Error::Ca`] where the CA is not reachable, or not the known one;
/// [`Error::Root`] and [`Error::FingerprintFormat`] where the input is no
/// root and no fingerprint.
pub async fn trust(paths: &Paths, url: &str, known: Known<'_>) -> Result<Trusted, Error> {
    let mut config = Config::load(paths)?;
    let base = base_url(url)?;
    let root = match known {
        Known::File(path) => root_from_file(path)?,
        Known::Fingerprint(text) => fetch_root(&base, fingerprint(text)?).await?,
    };
    let directory_url = format!("{base}/directory");
    // Only now is the CA spoken to as itself: under its root.
    let http = Http::pinned(&root, &directory_url)?;
    let directory = acme::directory(&http, &directory_url).await?;
    if let Some(clock) = http.ca_clock() {
        clock.check()?;
    }
    let profiles = directory
        .meta
        .unwrap_or_default()
        .profiles
        .into_iter()
        .map(|(name, description)| (printable(&name), printable(&description)))
        .collect();

    let root_sha256 = hex::encode(Sha256::digest(&root));
    let ca = Ca {
        site: paths.site().cloned(),
        url: base.clone(),
        directory: directory_url.clone(),
        root_sha256: root_sha256.clone(),
        root_pem: encode(&root)?,
    };
    match config.cas.iter_mut().find(|known| is(known, paths, &base)) {
        Some(known) => *known = ca,
        None => config.cas.push(ca),
    }
    config.save(paths)?;
    let asked = config.cas_of(paths.site())?;
    Ok(Trusted {
        site: paths.site().cloned(),
        asked: asked.iter().map(|ca| ca.url.clone()).collect(),
        url: base,
        directory: directory_url,
        root_sha256,
        profiles,
    })
}

fn is(ca: &Ca, paths: &Paths, base: &str) -> bool {
    ca.site.as_ref() == paths.site() && ca.url == base
}

/// Speaks to a CA as [`trust`] does, and stores nothing: it answers under its
/// pinned root, and the two clocks agree.
///
/// # Errors
/// [`Error::Ca`], [`Error::StoredRoot`].
pub async fn check(ca: &Ca) -> Result<(), Error> {
    let http = Http::pinned(&stored_root(ca)?, &ca.directory)?;
    acme::directory(&http, &ca.directory).await?;
    if let Some(clock) = http.ca_clock() {
        clock.check()?;
    }
    Ok(())
}

/// When the pinned root of a CA ends.
///
/// # Errors
/// [`Error::StoredRoot`].
pub fn root_end(ca: &Ca) -> Result<time::OffsetDateTime, Error> {
    stored_root(ca)?;
    crate::certificate::x509::read(&ca.root_pem)
        .map(|facts| facts.until)
        .map_err(|_| Error::StoredRoot)
}

/// Every CA that is trusted, site by site, in the order in which they are
/// asked.
///
/// # Errors
/// Where the configuration cannot be read.
pub fn list(paths: &Paths) -> Result<Vec<Listed>, Error> {
    let config = Config::load(paths)?;
    let mut listed: Vec<_> = config
        .cas
        .into_iter()
        .map(|ca| Listed {
            site: ca.site,
            url: ca.url,
            root_sha256: ca.root_sha256,
        })
        .collect();
    listed.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(listed)
}

/// Trusts a CA of the site of `paths` no more. What it issued stays until it
/// ends, or until `dlogin logout`. Gives the CAs that the site has left.
///
/// # Errors
/// [`Error::NotTrusted`] where it is not among them; where the configuration
/// cannot be read or written.
pub fn remove(paths: &Paths, url: &str) -> Result<Vec<Listed>, Error> {
    let mut config = Config::load(paths)?;
    let base = base_url(url)?;
    let before = config.cas.len();
    config.cas.retain(|ca| !is(ca, paths, &base));
    if config.cas.len() == before {
        return Err(Error::NotTrusted { url: base });
    }
    config.save(paths)?;
    let mut left = list(paths)?;
    left.retain(|ca| ca.site.as_ref() == paths.site());
    Ok(left)
}

/// The CA's base without a trailing slash; the URL of its directory does too.
pub(crate) fn base_url(text: &str) -> Result<String, Error> {
    let bad = |reason: String| CaError::Url {
        url: printable(text),
        reason,
    };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    if url.scheme() != "https" {
        return Err(bad("it does not start with https://".to_owned()).into());
    }
    let extra = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if extra || !url.has_host() {
        return Err(bad("it has more than a host, a port and a path".to_owned()).into());
    }
    let text = url.as_str().trim_end_matches('/');
    let text = text.strip_suffix("/directory").unwrap_or(text);
    Ok(text.trim_end_matches('/').to_owned())
}

fn fingerprint(text: &str) -> Result<[u8; 32], Error> {
    let bare = text.trim();
    let bare = ["sha256", "sha-256"]
        .into_iter()
        .find_map(|name| {
            let (prefix, rest) = bare.split_at_checked(name.len())?;
            prefix.eq_ignore_ascii_case(name).then_some(rest)
        })
        .unwrap_or(bare);
    let digits: String = bare
        .chars()
        .filter(|character| !matches!(character, ':' | ' '))
        .collect();
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Error::FingerprintFormat {
        found: printable(text),
    })?;
    Ok(bytes)
}

/// The CA shows its root to everybody; the fingerprint says whether it is it.
async fn fetch_root(base: &str, expected: [u8; 32]) -> Result<CertificateDer<'static>, Error> {
    let http = Http::unauthenticated(base)?;
    let pem = http.get(&format!("{base}/root.pem")).await?;
    let root = CertificateDer::from_pem_slice(&pem).map_err(|_| CaError::Malformed {
        what: format!("{base}/root.pem is not a certificate in PEM"),
    })?;
    let found: [u8; 32] = Sha256::digest(&root).into();
    if found != expected {
        return Err(CaError::Fingerprint {
            url: base.to_owned(),
            expected: hex::encode(expected),
            found: hex::encode(found),
        }
        .into());
    }
    Ok(root)
}

fn root_from_file(path: &Path) -> Result<CertificateDer<'static>, Error> {
    let bytes = files::read(path)?.ok_or_else(|| Error::NoFile {
        path: path.to_owned(),
    })?;
    let root = match CertificateDer::from_pem_slice(&bytes) {
        Ok(root) => root,
        Err(_) => CertificateDer::from(bytes),
    };
    use der::Decode;
    x509_cert::Certificate::from_der(&root).map_err(|_| Error::Root {
        path: path.to_owned(),
    })?;
    Ok(root)
}

fn encode(root: &CertificateDer<'_>) -> Result<String, Error> {
    pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, root)
        .map_err(|_| Error::StoredRoot)
}

/// The root that was stored, compared once more with its fingerprint.
///
/// # Errors
/// [`Error::StoredRoot`] where the two do not fit: somebody edited one of them.
pub(crate) fn stored_root(ca: &Ca) -> Result<CertificateDer<'static>, Error> {
    let root =
        CertificateDer::from_pem_slice(ca.root_pem.as_bytes()).map_err(|_| Error::StoredRoot)?;
    if hex::encode(Sha256::digest(&root)) != ca.root_sha256 {
        return Err(Error::StoredRoot);
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_people_paste_it() {
        let plain = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let bytes = fingerprint(plain).unwrap();
        let colons: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(fingerprint(&colons.join(":")).unwrap(), bytes);
        for name in ["SHA256:", "sha256 ", "SHA-256 ", "SHA-256: "] {
            assert_eq!(fingerprint(&format!("{name}{plain}\n")).unwrap(), bytes);
        }
        for bad in [
            "",
            "00",
            &plain[1..],
            &format!("{plain}00"),
            "é".repeat(32).as_str(),
        ] {
            let error = fingerprint(bad).unwrap_err();
            assert_eq!(error.exit(), crate::Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn base_and_directory_name_the_same_ca() {
        for text in [
            "https://ca.example:8443",
            "https://ca.example:8443/",
            "https://CA.example:8443/directory",
            "https://ca.example:8443/directory/",
        ] {
            assert_eq!(base_url(text).unwrap(), "https://ca.example:8443", "{text}");
        }
        assert_eq!(base_url("https://h/ca/").unwrap(), "https://h/ca");
    }

    #[test]
    fn only_https_without_extras_names_a_ca() {
        for bad in [
            "http://ca.example",
            "ca.example",
            "https://user@ca.example",
            "https://ca.example?x=1",
            "https://ca.example#x",
            "file:///etc/passwd",
        ] {
            assert!(
                matches!(base_url(bad), Err(Error::Ca(CaError::Url { .. }))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_stored_root_that_was_edited_is_noticed() {
        let ca = Ca {
            site: None,
            url: "https://h".to_owned(),
            directory: "https://h/directory".to_owned(),
            root_sha256: "00".repeat(32),
            root_pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        };
        assert!(matches!(stored_root(&ca), Err(Error::StoredRoot)));
    }
}
