//! Names of profiles, which become names of files.

use crate::name::{name, names_a_file};

name! {
    /// The name of a profile: 1 to 64 characters of `a-z`, `0-9`, `-` and `_`,
    /// the first of them no `-`. It names files, so nothing else can be let
    /// through: the directory that offers it is the word of a stranger.
    ProfileName,
    /// A text that cannot name a profile.
    #[error(
        "{0:?} cannot be the name of a profile: 1 to 64 characters of a-z, 0-9, - and _, \
         not starting with - nor ending in -cert"
    )]
    NotAProfileName,
    names_a_file
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
