//! Names of sites: sets of CAs, and of the certificates that they give, beside
//! the one that needs no name.

use crate::name::{name, names_a_file};

name! {
    /// The name of a site, such as `work` or `home`: what [`crate::ProfileName`]
    /// allows, and not `default`, which is what people call the one without a
    /// name. It names a folder.
    SiteName,
    /// A text that cannot name a site.
    #[error(
        "{0:?} cannot be the name of a site: 1 to 64 characters of a-z, 0-9, - and _, \
         not starting with - nor ending in -cert, and not \"default\""
    )]
    NotASiteName,
    |name| names_a_file(name) && name != "default"
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
