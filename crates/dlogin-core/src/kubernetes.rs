//! `dlogin kubectl-credential`: a client-go credential plugin
//! (client.authentication.k8s.io, <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).
//!
//! A plugin hands the private key itself to kubectl. So it serves keys on disk
//! and no others: a key in the YubiKey goes through `dlogin proxy`.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::held::{CertificateName, Folder, KeyPlace, Kind};
use crate::{Error, Paths, ProfileName, files};

/// The versions that kubectl speaks; the older one has no other fields.
const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// The variable that tells a plugin what it is asked.
pub const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// What kubectl asks, as far as it matters: the version that it wants answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    version: &'static str,
}

impl Asked {
    /// From the value of [`EXEC_INFO`]; the current version, without.
    ///
    /// # Errors
    /// [`Error::ExecInfo`] where it is no request, or in a version that is not
    /// known.
    pub fn read(exec_info: Option<&str>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            api_version: String,
        }
        let Some(text) = exec_info else {
            let [version, _] = VERSIONS;
            return Ok(Self { version });
        };
        let info: Info = serde_json::from_str(text).map_err(|_| Error::ExecInfo {
            found: "no request as JSON".to_owned(),
        })?;
        VERSIONS
            .into_iter()
            .find(|version| *version == info.api_version)
            .map(|version| Self { version })
            .ok_or_else(|| Error::ExecInfo {
                found: format!("version {}", crate::text::printable(&info.api_version)),
            })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: &'a str,
    kind: &'a str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: &'a str,
    client_certificate_data: &'a str,
    client_key_data: &'a str,
}

/// That the key of this profile can be handed out, as far as can be told
/// before it is fetched.
///
/// # Errors
/// [`Error::HardwareKey`].
pub fn can_be_handed_out(paths: &Paths, profile: &ProfileName) -> Result<(), Error> {
    let held = Folder::look(paths)?.and_then(|folder| folder.get(profile));
    match held {
        Some(held) if held.key == KeyPlace::Yubikey => Err(Error::HardwareKey {
            profile: profile.clone(),
        }),
        _ => Ok(()),
    }
}

/// The answer for kubectl: certificate, key, and when to ask again.
///
/// # Errors
/// [`Error::NotHeld`] where there is no live TLS certificate of this profile,
/// [`Error::HardwareKey`] where its key is in the YubiKey.
pub fn credential(
    paths: &Paths,
    profile: &ProfileName,
    asked: Asked,
) -> Result<Zeroizing<String>, Error> {
    let missing = || Error::NotHeld {
        name: CertificateName::at(paths, profile),
    };
    // Nobody replaces the files while this is held.
    let folder = Folder::look(paths)?.ok_or_else(missing)?;
    let held = folder.get(profile).ok_or_else(missing)?;
    if held.key == KeyPlace::Yubikey {
        return Err(Error::HardwareKey {
            profile: profile.clone(),
        });
    }
    if held.kind != Kind::Tls || held.not_after <= OffsetDateTime::now_utc() {
        return Err(missing());
    }
    let [certificate, key] = held.files.as_slice() else {
        return Err(missing());
    };
    let certificate = files::read_text(certificate)?.ok_or_else(missing)?;
    let key = Zeroizing::new(files::read_text(key)?.ok_or_else(missing)?);
    let answer = ExecCredential {
        api_version: asked.version,
        kind: "ExecCredential",
        status: Status {
            expiration_timestamp: &held.end(),
            client_certificate_data: &certificate,
            client_key_data: &key,
        },
    };
    // Roomy from the beginning: growing would leave copies that nobody wipes.
    let mut json = Zeroizing::new(Vec::with_capacity(
        2 * (certificate.len() + key.len()) + 1024,
    ));
    serde_json::to_writer(&mut *json, &answer).map_err(|_| Error::Broken)?;
    std::str::from_utf8(&json)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Error::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_asked_for_is_answered_and_no_unknown_one() {
        let version = |info: Option<&str>| Asked::read(info).map(|asked| asked.version);
        let info = |version: &str| {
            format!(
                "{{\"apiVersion\":\"client.authentication.k8s.io/{version}\",\"kind\":\"ExecCredential\",\"spec\":{{\"interactive\":true}}}}"
            )
        };
        assert_eq!(version(None).unwrap(), VERSIONS[0]);
        assert_eq!(version(Some(&info("v1"))).unwrap(), VERSIONS[0]);
        assert_eq!(version(Some(&info("v1beta1"))).unwrap(), VERSIONS[1]);
        for bad in [&info("v1alpha1"), "", "{}", "[]"] {
            assert!(
                matches!(version(Some(bad)), Err(Error::ExecInfo { .. })),
                "{bad}"
            );
        }
    }
}
