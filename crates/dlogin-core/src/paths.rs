//! Where `dlogin` keeps its files (XDG Base Directory Specification).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Error;

const NAME: &str = "dlogin";

/// The folders of one person on one computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    config: PathBuf,
    state: PathBuf,
    runtime: PathBuf,
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
        })
    }

    /// `config.toml`: the trusted CA and the slots, see [`crate::Config`].
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
    /// there is none.
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
    fn no_home_is_an_error() {
        assert!(matches!(paths(&[]), Err(Error::NoHome)));
    }
}
