//! Where `dlogin` keeps its files (XDG Base Directory Specification).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Error, SiteName};

const NAME: &str = "dlogin";

/// Where the state of named sites is, in the state folder.
const SITES: &str = "sites";

/// The folders of one person on one computer, at one site: the one without a
/// name, or [another](Self::at).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    state: PathBuf,
    runtime: PathBuf,
    /// Of the site without a name, and the name of this one.
    site: Option<(Box<Paths>, SiteName)>,
}

impl Paths {
    /// The folders that the environment of this process names.
    ///
    /// # Errors
    /// [`Error::NoHome`] if neither `HOME` nor the XDG variables are set.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// The same from any environment. As the specification wants it, a
    /// variable that is empty or not an absolute path counts as not set.
    ///
    /// # Errors
    /// [`Error::NoHome`] if neither `HOME` nor the XDG variables are set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let absolute = |name: &str| {
            lookup(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME");
        let folder = |variable: &str, below_home: &str| {
            absolute(variable)
                .or_else(|| home.as_ref().map(|home| home.join(below_home)))
                .map(|base| base.join(NAME))
                .ok_or(Error::NoHome)
        };
        let config = folder("XDG_CONFIG_HOME", ".config")?;
        let state = folder("XDG_STATE_HOME", ".local/state")?;
        let runtime = match absolute("XDG_RUNTIME_DIR") {
            Some(base) => base.join(NAME),
            None => state.join("certificates"),
        };
        Ok(Self {
            config,
            state,
            runtime,
            site: None,
        })
    }

    /// The same person's folders at another site: its certificates are in a
    /// folder of its name beside those of the site without a name.
    #[must_use]
    pub fn at(&self, site: Option<&SiteName>) -> Self {
        let unnamed = match &self.site {
            Some((unnamed, _)) => unnamed,
            None => self,
        };
        match site {
            None => unnamed.clone(),
            Some(name) => Self {
                config: unnamed.config.clone(),
                state: unnamed.state.join(SITES).join(name.as_str()),
                runtime: unnamed.runtime.join(name.as_str()),
                site: Some((Box::new(unnamed.clone()), name.clone())),
            },
        }
    }

    /// The site; `None` is the one without a name.
    #[must_use]
    pub fn site(&self) -> Option<&SiteName> {
        self.site.as_ref().map(|(_, name)| name)
    }

    /// The site without a name, and every other that has a folder of
    /// certificates, whether its CAs are still trusted or not.
    ///
    /// # Errors
    /// [`Error::Unreadable`] where the folder cannot be looked at.
    pub fn every_site(&self) -> Result<Vec<Self>, Error> {
        let unnamed = self.at(None);
        let names = || -> std::io::Result<Vec<SiteName>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&unnamed.runtime)? {
                let entry = entry?;
                let name = entry.file_name().into_string().unwrap_or_default();
                if let (true, Ok(name)) = (entry.file_type()?.is_dir(), SiteName::new(&name)) {
                    names.push(name);
                }
            }
            names.sort();
            Ok(names)
        };
        let names = match names() {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => {
                return Err(Error::Unreadable {
                    path: unnamed.runtime.clone(),
                    source,
                });
            }
        };
        let named = names.iter().map(|name| unnamed.at(Some(name)));
        Ok(std::iter::once(unnamed.clone()).chain(named).collect())
    }

    /// `config.toml`: the trusted CAs and the slots, see [`crate::Config`].
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Where the ACME account and the remembered grants live.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Where certificates and disk keys live: `$XDG_RUNTIME_DIR/dlogin`, which
    /// is in memory and gone at logout; a folder of the state folder where
    /// there is none. Those of a named site are in a folder of its name there.
    #[must_use]
    pub fn certificate_dir(&self) -> &Path {
        &self.runtime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(environment: &[(&str, &str)]) -> Result<Paths, Error> {
        Paths::from_lookup(|name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn home_alone_gives_the_defaults_of_the_specification() {
        let paths = paths(&[("HOME", "/home/a")]).unwrap();
        assert_eq!(
            paths.config_file(),
            Path::new("/home/a/.config/dlogin/config.toml")
        );
        assert_eq!(paths.state_dir(), Path::new("/home/a/.local/state/dlogin"));
        assert_eq!(
            paths.certificate_dir(),
            Path::new("/home/a/.local/state/dlogin/certificates")
        );
    }

    #[test]
    fn xdg_variables_win() {
        let paths = paths(&[
            ("HOME", "/home/a"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "/s"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
        ])
        .unwrap();
        assert_eq!(paths.config_file(), Path::new("/c/dlogin/config.toml"));
        assert_eq!(paths.state_dir(), Path::new("/s/dlogin"));
        assert_eq!(paths.certificate_dir(), Path::new("/run/user/1/dlogin"));
    }

    #[test]
    fn a_relative_or_empty_variable_counts_as_not_set() {
        let paths = paths(&[
            ("HOME", "/home/a"),
            ("XDG_CONFIG_HOME", "c"),
            ("XDG_RUNTIME_DIR", ""),
        ])
        .unwrap();
        assert_eq!(
            paths.config_file(),
            Path::new("/home/a/.config/dlogin/config.toml")
        );
        assert_eq!(
            paths.certificate_dir(),
            Path::new("/home/a/.local/state/dlogin/certificates")
        );
    }

    #[test]
    fn a_site_has_folders_of_its_own_and_the_same_configuration() {
        let unnamed = paths(&[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/1")]).unwrap();
        let name = SiteName::new("work").unwrap();
        let work = unnamed.at(Some(&name));
        assert_eq!(work.certificate_dir(), Path::new("/run/user/1/dlogin/work"));
        assert_eq!(
            work.state_dir(),
            Path::new("/home/a/.local/state/dlogin/sites/work")
        );
        assert_eq!(work.config_file(), unnamed.config_file());
        assert_eq!(work.site(), Some(&name));
        // From anywhere.
        assert_eq!(work.at(None), unnamed);
        assert_eq!(work.at(Some(&name)), work);
    }

    #[test]
    fn every_site_that_has_a_folder_is_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        let paths = paths(&[("HOME", home), ("XDG_RUNTIME_DIR", home)]).unwrap();
        let sites = || -> Vec<_> {
            let every = paths.every_site().unwrap();
            every.iter().map(|at| at.site().cloned()).collect()
        };
        assert_eq!(sites(), [None]);
        for folder in ["work", "home", "Not one", ".hidden"] {
            std::fs::create_dir_all(paths.certificate_dir().join(folder)).unwrap();
        }
        std::fs::write(paths.certificate_dir().join("file"), "").unwrap();
        let named = ["home", "work"].map(|name| Some(SiteName::new(name).unwrap()));
        assert_eq!(sites(), [&[None][..], &named].concat());
    }

    #[test]
    fn no_home_is_an_error() {
        assert!(matches!(paths(&[]), Err(Error::NoHome)));
    }
}
