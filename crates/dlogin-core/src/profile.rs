//! Names of profiles, which become names of files.

use std::fmt;

/// The name of a profile: 1 to 64 characters of `a-z`, `0-9`, `-` and `_`,
/// the first of them no `-`. It names files, so nothing else can be let
/// through: the directory that offers it is the word of a stranger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

/// A text that cannot name a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of a profile: 1 to 64 characters of a-z, 0-9, - and _, \
     not starting with - nor ending in -cert"
)]
pub struct NotAProfileName(String);

/// Whether a name can stand in the folder of the certificates, and means
/// nothing else there.
pub(crate) fn names_a_file(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    // `x-cert.pub` is the SSH certificate of profile `x`.
    (1..=64).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with("-cert")
}

impl ProfileName {
    /// Takes the name as it is written.
    ///
    /// # Errors
    /// [`NotAProfileName`].
    pub fn new(name: &str) -> Result<Self, NotAProfileName> {
        if names_a_file(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(NotAProfileName(crate::text::printable(name)))
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ProfileName {
    type Err = NotAProfileName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl serde::Serialize for ProfileName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ProfileName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in ["tls", "tls-disk", "ssh_2", "0"] {
            assert_eq!(ProfileName::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            "..",
            "a/b",
            "/etc/passwd",
            "a.pem",
            "A",
            "-a",
            "a b",
            "a\n",
            "é",
            "x-cert",
            &long,
        ] {
            assert!(ProfileName::new(bad).is_err(), "{bad:?}");
        }
    }
}
