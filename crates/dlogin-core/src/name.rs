//! Names that become names of files and folders: of profiles, of sites. The
//! check stands here once, and each has a type of its own, so that one is never
//! taken for the other.

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

/// A type of names that `$allows`, and the error for all others.
macro_rules! name {
    ($(#[$doc:meta])+ $name:ident, $(#[$error_doc:meta])+ $error:ident, $allows:expr) => {
        $(#[$doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        $(#[$error_doc])+
        pub struct $error(String);

        impl $name {
            /// Takes the name as it is written.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub fn new(name: &str) -> Result<Self, $error> {
                let allows: fn(&str) -> bool = $allows;
                if allows(name) {
                    Ok(Self(name.to_owned()))
                } else {
                    Err($error(crate::text::printable(name)))
                }
            }

            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::new(name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::new(&name).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use name;
