//! Names of sites: sets of CAs, and of the certificates that they give, beside
//! the one that needs no name.

use std::fmt;

use crate::profile;

/// The name of a site, such as `work` or `home`: what [`crate::ProfileName`]
/// allows, and not `default`, which is what people call the one without a
/// name. It names a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName(String);

/// A text that cannot name a site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of a site: 1 to 64 characters of a-z, 0-9, - and _, \
     not starting with - nor ending in -cert, and not \"default\""
)]
pub struct NotASiteName(String);

impl SiteName {
    /// Takes the name as it is written.
    ///
    /// # Errors
    /// [`NotASiteName`].
    pub fn new(name: &str) -> Result<Self, NotASiteName> {
        if profile::names_a_file(name) && name != "default" {
            Ok(Self(name.to_owned()))
        } else {
            Err(NotASiteName(crate::text::printable(name)))
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for SiteName {
    type Err = NotASiteName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl serde::Serialize for SiteName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for SiteName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder_and_the_site_without_a_name_has_none() {
        assert_eq!(SiteName::new("home-2").unwrap().as_str(), "home-2");
        for bad in ["", "..", "a/b", "Work", "-a", "default", "agent.sock"] {
            assert!(SiteName::new(bad).is_err(), "{bad:?}");
        }
    }
}
