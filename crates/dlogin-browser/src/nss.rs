//! NSS databases: reading what is registered, and the tools that change it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::file;
use crate::places::has_database;

/// Under which name the module is registered.
pub(crate) const NAME: &str = "dlogin";

/// A database.
#[derive(Clone, Debug)]
pub(crate) struct Database<'a>(pub(crate) &'a Path);

impl Database<'_> {
    /// The path of the module that is registered under our name.
    pub(crate) fn registered(&self) -> Result<Option<PathBuf>, Error> {
        let list = self.modules_file();
        match fs::read_to_string(&list) {
            Ok(text) => Ok(registered(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File {
                path: list,
                doing: "read",
                source,
            }),
        }
    }

    /// NSS's list of modules.
    pub(crate) fn modules_file(&self) -> PathBuf {
        self.0.join("pkcs11.txt")
    }

    /// Programs that have it open, "NAME (process N)".
    pub(crate) fn users(&self) -> Vec<String> {
        let Ok(folder) = self.0.canonicalize() else {
            return Vec::new();
        };
        let watched = ["cert9.db", "key4.db", ".parentlock"].map(|name| folder.join(name));
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            })
            .filter_map(|entry| {
                let open = fs::read_dir(entry.path().join("fd")).ok()?;
                let uses = open.flatten().any(|descriptor| {
                    fs::read_link(descriptor.path()).is_ok_and(|target| watched.contains(&target))
                });
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                uses.then(|| {
                    format!(
                        "{} (process {})",
                        name.trim(),
                        entry.file_name().to_string_lossy()
                    )
                })
            })
            .collect()
    }

    fn location(&self) -> String {
        format!("sql:{}", self.0.display())
    }

    /// Makes an empty database without a password, as browsers do.
    pub(crate) fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(self.0).map_err(file(self.0, "make the folder"))?;
        self.run("certutil", &["-N", "--empty-password"]).map(drop)
    }

    pub(crate) fn exists(&self) -> bool {
        has_database(self.0)
    }

    pub(crate) fn add_module(&self, library: &Path) -> Result<(), Error> {
        let library = library.display().to_string();
        self.modutil(&["-add", NAME, "-libfile", &library])
    }

    pub(crate) fn delete_module(&self) -> Result<(), Error> {
        self.modutil(&["-delete", NAME])
    }

    fn modutil(&self, args: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("modutil");
        command
            .args(["-force", "-dbdir", &self.location()])
            .args(args);
        run(self.0, "modutil", &mut command).map(drop)
    }

    /// `TOOL ARGS… -d DATABASE`; what it printed.
    pub(crate) fn run(&self, tool: &'static str, args: &[&str]) -> Result<String, Error> {
        let mut command = Command::new(tool);
        command.args(args).args(["-d", &self.location()]);
        run(self.0, tool, &mut command)
    }

    /// Whether it holds any certificate or key.
    pub(crate) fn is_empty(&self) -> bool {
        let certificates = self.run("certutil", &["-L"]);
        // It says so by failing where there is none.
        let keys = self.run("certutil", &["-K", "-f", "/dev/null"]);
        certificates.is_ok_and(|list| list.lines().filter(|line| !line.is_empty()).count() <= 2)
            && keys.is_err()
    }
}

fn run(folder: &Path, tool: &'static str, command: &mut Command) -> Result<String, Error> {
    let failed = |said: String| Error::Tool {
        tool,
        folder: folder.to_owned(),
        said,
    };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoTool { tool },
            _ => failed(error.to_string()),
        })?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr) + printed.as_str();
    if said.contains("SEC_ERROR_BAD_PASSWORD") || said.contains("Incorrect password") {
        return Err(Error::Password {
            folder: folder.to_owned(),
        });
    }
    let line = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .map_or_else(|| output.status.to_string(), str::to_owned);
    Err(failed(line))
}

/// The tools that a change needs.
///
/// # Errors
/// [`Error::NoTool`].
pub(crate) fn tools() -> Result<(), Error> {
    for tool in ["modutil", "certutil"] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()) {
            return Err(Error::NoTool { tool });
        }
    }
    Ok(())
}

/// Modules are paragraphs of `key=value`.
fn registered(text: &str) -> Option<PathBuf> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n").find_map(|paragraph| {
        let value = |key: &str| {
            paragraph
                .lines()
                .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim_matches('"'))
        };
        (value("name")? == NAME).then(|| PathBuf::from(value("library").unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_module_is_read_from_the_list() {
        let text = "library=\nname=NSS Internal PKCS #11 Module\nparameters=configdir='sql:/x'\n\
                    NSS=Flags=internal\n\nlibrary=/a b/libdlogin_pkcs11.so\nname=dlogin\n\
                    NSS=trustOrder=100\n\n";
        assert_eq!(
            registered(text),
            Some(PathBuf::from("/a b/libdlogin_pkcs11.so"))
        );
        assert_eq!(registered("library=/x\nname=dlogin2\n"), None);
        assert_eq!(registered(""), None);
    }

    #[test]
    fn whoever_has_a_database_open_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database(dir.path());
        let path = dir.path().join("cert9.db");
        fs::write(&path, "").unwrap();
        assert!(database.users().is_empty());
        let open = fs::File::open(&path).unwrap();
        let users = database.users();
        let ours = format!("(process {})", std::process::id());
        assert!(users.iter().any(|user| user.ends_with(&ours)), "{users:?}");
        drop(open);
        assert!(database.users().is_empty());
    }
}
