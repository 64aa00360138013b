//! The lines of `~/.ssh/config` that make ssh, scp, git and rsync use a
//! certificate without anybody thinking of it.

use std::path::{Path, PathBuf};

use dlogin_core::files::{read_text, write_private};
use dlogin_core::{Paths, ProfileName};

use crate::{Error, ssh_socket};

/// The file beside `~/.ssh/config`.
const FILE: &str = "dlogin.conf";
const INCLUDE: &str = "Include dlogin.conf";

/// For whom the lines are.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `dlogin` itself.
    pub program: PathBuf,
    /// The person's folders, at the site whose certificate it is.
    pub paths: Paths,
    /// The profile of the SSH certificate.
    pub profile: ProfileName,
    /// Patterns of ssh_config(5); none is every host.
    pub hosts: Vec<String>,
}

impl Wanted {
    /// The lines. An expired certificate is renewed before the connection is
    /// made; where that fails, `dlogin` says why, and ssh goes on without us.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for a path or pattern that ssh_config cannot hold.
    pub fn lines(&self) -> Result<String, Error> {
        let hosts = match self.hosts.as_slice() {
            [] => "*".to_owned(),
            patterns => patterns
                .iter()
                .map(|pattern| host(pattern))
                .collect::<Result<Vec<_>, _>>()?
                .join(","),
        };
        let program = path(&self.program)?;
        let agent = path(&ssh_socket(&self.paths))?;
        let certificate = self
            .paths
            .certificate_dir()
            .join(format!("{}-cert.pub", self.profile));
        let certificate = path(&certificate)?;
        let profile = match self.paths.site() {
            Some(site) => format!("--site {site} {}", self.profile),
            None => self.profile.to_string(),
        };
        Ok(format!(
            "# From `dlogin ssh-config`: the certificate is renewed before a connection is\n\
             # made, if it has to be, and `dlogin agent` signs.\n\
             Match host {hosts} exec \"'{program}' --if-needed {profile}\"\n\
             \x20   IdentityAgent \"{agent}\"\n\
             \x20   CertificateFile \"{certificate}\"\n"
        ))
    }
}

/// A path as it may stand in quotes, in a shell's too. `%` is ssh's own sign.
fn path(path: &Path) -> Result<String, Error> {
    let unwritable = || Error::Unwritable {
        text: path.display().to_string(),
    };
    let text = path.to_str().ok_or_else(unwritable)?;
    let bad = |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\' | '$' | '`');
    if text.chars().any(bad) {
        return Err(unwritable());
    }
    Ok(text.replace('%', "%%"))
}

fn host(pattern: &str) -> Result<&str, Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || "*?!.-_:[]".contains(c);
    if !pattern.is_empty() && pattern.chars().all(good) {
        Ok(pattern)
    } else {
        Err(Error::Unwritable {
            text: crate::printable(pattern),
        })
    }
}

/// Writes `~/.ssh/dlogin.conf`, and has `~/.ssh/config` include it, at its top.
/// Answers where the lines are. Done twice, it changes nothing.
///
/// # Errors
/// [`Error::Link`] where `config` is a link, which would be replaced;
/// [`Error::Core`] where a file cannot be written.
pub fn write(home: &Path, lines: &str) -> Result<PathBuf, Error> {
    let folder = home.join(".ssh");
    let (ours, config) = (folder.join(FILE), folder.join("config"));
    if config.is_symlink() {
        return Err(Error::Link { path: config });
    }
    write_private(&ours, lines.as_bytes())?;
    let before = read_text(&config)?.unwrap_or_default();
    if !before.lines().any(|line| line.trim() == INCLUDE) {
        // At the top: below a `Host` line it would belong to that host.
        write_private(&config, format!("{INCLUDE}\n\n{before}").as_bytes())?;
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(program: &str, hosts: &[&str]) -> Wanted {
        Wanted {
            program: program.into(),
            paths: Paths::from_lookup(|name| match name {
                "HOME" => Some("/home/a".into()),
                "XDG_RUNTIME_DIR" => Some("/run/user/1".into()),
                _ => None,
            })
            .unwrap(),
            profile: ProfileName::new("ssh").unwrap(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    #[test]
    fn the_lines_renew_first_and_then_name_agent_and_certificate() {
        let lines = wanted("/usr/bin/dlogin", &["*.example.net", "db"])
            .lines()
            .unwrap();
        let lines: Vec<_> = lines.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "Match host *.example.net,db exec \"'/usr/bin/dlogin' --if-needed ssh\"",
                "    IdentityAgent \"/run/user/1/dlogin/agent.sock\"",
                "    CertificateFile \"/run/user/1/dlogin/ssh-cert.pub\"",
            ]
        );
    }

    #[test]
    fn another_site_has_its_own_certificate_and_the_same_agent() {
        let mut wanted = wanted("/usr/bin/dlogin", &[]);
        wanted.paths = wanted
            .paths
            .at(Some(&dlogin_core::SiteName::new("work").unwrap()));
        let lines = wanted.lines().unwrap();
        assert!(lines.contains("--if-needed --site work ssh\""), "{lines}");
        assert!(lines.contains("\"/run/user/1/dlogin/work/ssh-cert.pub\""));
        assert!(
            lines.contains("\"/run/user/1/dlogin/agent.sock\""),
            "{lines}"
        );
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        let program = |text: &str| wanted(text, &[]).lines();
        assert!(
            program("/opt/my programs/100%/dlogin")
                .unwrap()
                .contains("my programs/100%%/")
        );
        for bad in ["/a'b", "/a\"b", "/a\nb", "/a$b", "/a\\b"] {
            assert!(
                matches!(program(bad), Err(Error::Unwritable { .. })),
                "{bad}"
            );
        }
        for bad in ["", "a b", "a,b\"", "a\nb"] {
            let lines = wanted("/dlogin", &[bad]).lines();
            assert!(matches!(lines, Err(Error::Unwritable { .. })), "{bad:?}");
        }
    }

    #[test]
    fn writing_keeps_what_was_there_and_is_done_once() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".ssh/config");
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(&config, "Host x\n    Port 1\n").unwrap();
        for lines in ["one\n", "two\n"] {
            let ours = write(home.path(), lines).unwrap();
            assert_eq!(std::fs::read_to_string(ours).unwrap(), lines);
            assert_eq!(
                std::fs::read_to_string(&config).unwrap(),
                "Include dlogin.conf\n\nHost x\n    Port 1\n"
            );
        }
    }

    #[test]
    fn a_link_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::os::unix::fs::symlink("elsewhere", home.path().join(".ssh/config")).unwrap();
        assert!(matches!(write(home.path(), "x"), Err(Error::Link { .. })));
    }
}
