//! Where browsers keep their NSS databases.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::Error;

/// The folder below which everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
}

/// Which browser reads a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Browser {
    /// Chromium, Chrome and others of its family share one database.
    Chromium,
    /// A profile of Firefox.
    Firefox,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Who reads it.
    pub browser: Browser,
    /// The folder.
    pub folder: PathBuf,
}

/// How a browser is packed that sees little of what is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxKind {
    /// A Snap.
    Snap,
    /// A Flatpak.
    Flatpak,
}

/// A browser in a sandbox of its own, which is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sandbox {
    /// Snap or Flatpak.
    pub kind: SandboxKind,
    /// The name of the package.
    pub package: &'static str,
    /// The browser in it.
    pub browser: Browser,
    /// Its databases.
    pub databases: Vec<PathBuf>,
}

const SANDBOXES: [(SandboxKind, &str, Browser); 5] = [
    (SandboxKind::Snap, "firefox", Browser::Firefox),
    (SandboxKind::Snap, "chromium", Browser::Chromium),
    (
        SandboxKind::Flatpak,
        "org.mozilla.firefox",
        Browser::Firefox,
    ),
    (
        SandboxKind::Flatpak,
        "org.chromium.Chromium",
        Browser::Chromium,
    ),
    (SandboxKind::Flatpak, "com.google.Chrome", Browser::Chromium),
];

impl Home {
    /// The home of the environment.
    ///
    /// # Errors
    /// [`Error::NoHome`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let absolute = |name: &str| {
            lookup(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME").ok_or(Error::NoHome)?;
        Ok(Self {
            config: absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            data: absolute("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")),
            home,
        })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.home
    }

    /// The database of Chromium and its family, there or not, and those of all
    /// profiles of Firefox.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let chromium = |folder| Place {
            browser: Browser::Chromium,
            folder,
        };
        let usual = self.home.join(".pki/nssdb");
        let other = self.data.join("pki/nssdb");
        // Some builds use the second where there is no first.
        let mut places = Vec::new();
        if usual.exists() || !has_database(&other) {
            places.push(chromium(usual));
        }
        if has_database(&other) {
            places.push(chromium(other));
        }
        for roots in [
            self.home.join(".mozilla/firefox"),
            // Firefox 147 and later, where there is no older folder.
            self.config.join("mozilla/firefox"),
        ] {
            places.extend(profiles(&roots).into_iter().map(|folder| Place {
                browser: Browser::Firefox,
                folder,
            }));
        }
        places
    }

    /// Browsers that were installed as Snap or Flatpak.
    #[must_use]
    pub fn sandboxes(&self) -> Vec<Sandbox> {
        SANDBOXES
            .into_iter()
            .filter_map(|(kind, package, browser)| {
                let root = match kind {
                    SandboxKind::Snap => self.home.join("snap").join(package),
                    SandboxKind::Flatpak => self.home.join(".var/app").join(package),
                };
                if !root.is_dir() {
                    return None;
                }
                let inside = match kind {
                    SandboxKind::Snap => vec![root.join("common"), root.join("current")],
                    SandboxKind::Flatpak => vec![root.clone()],
                };
                let mut databases = Vec::new();
                for root in inside {
                    match browser {
                        Browser::Firefox => {
                            databases.extend(profiles(&root.join(".mozilla/firefox")));
                            databases.extend(profiles(&root.join("config/mozilla/firefox")));
                        }
                        Browser::Chromium => {
                            databases.push(root.join(".pki/nssdb"));
                            databases.push(root.join("data/pki/nssdb"));
                        }
                    }
                }
                databases.retain(|folder| has_database(folder));
                Some(Sandbox {
                    kind,
                    package,
                    browser,
                    databases,
                })
            })
            .collect()
    }
}

impl Sandbox {
    /// What it needs, with the commands.
    #[must_use]
    pub fn needs(&self, module: Option<&Path>) -> Vec<String> {
        let package = self.package;
        match self.kind {
            SandboxKind::Snap => vec![
                format!(
                    "the Snap package {package} reaches neither the module nor the agent; \
                     no setting opens it"
                ),
                "for keys in the YubiKey, use the browser of your distribution, or Mozilla's and \
                 Google's own packages (.deb)"
                    .to_owned(),
                "certificates with keys on disk: dlogin browser import".to_owned(),
            ],
            SandboxKind::Flatpak => {
                let module = module.map_or_else(
                    || "libdlogin_pkcs11.so".to_owned(),
                    |module| module.display().to_string(),
                );
                let mut needs = vec![
                    format!(
                        "the Flatpak package {package} sees neither /usr nor the agent; \
                         not tried by us, these commands let it:"
                    ),
                    format!(
                        "install -D {module} ~/.var/app/{package}/data/dlogin/libdlogin_pkcs11.so"
                    ),
                    format!("flatpak override --user --filesystem=xdg-run/dlogin {package}"),
                ];
                for folder in &self.databases {
                    needs.push(format!(
                        "modutil -force -dbdir sql:{} -add dlogin \
                         -libfile $HOME/.var/app/{package}/data/dlogin/libdlogin_pkcs11.so",
                        folder.display()
                    ));
                }
                needs.push("certificates with keys on disk: dlogin browser import".to_owned());
                needs
            }
        }
    }
}

pub(crate) fn has_database(folder: &Path) -> bool {
    folder.join("cert9.db").is_file()
}

/// The profiles that `profiles.ini` names and that are there.
fn profiles(root: &Path) -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string(root.join("profiles.ini")) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = Vec::new();
    let mut section = Section::default();
    // The last section ends with the file.
    for line in text.lines().chain(["[]"]) {
        let line = line.trim();
        if line.starts_with('[') {
            let ended = std::mem::replace(
                &mut section,
                Section {
                    profile: line.starts_with("[Profile"),
                    ..Section::default()
                },
            );
            if let Some(folder) = ended.folder(root)
                && folder.is_dir()
                && !found.contains(&folder)
            {
                found.push(folder);
            }
        } else if let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "Path" => section.path = Some(value.trim().to_owned()),
                "IsRelative" => section.absolute = value.trim() == "0",
                _ => {}
            }
        }
    }
    found
}

#[derive(Default)]
struct Section {
    profile: bool,
    path: Option<String>,
    absolute: bool,
}

impl Section {
    fn folder(self, root: &Path) -> Option<PathBuf> {
        let path = self.path.filter(|path| self.profile && !path.is_empty())?;
        Some(if self.absolute {
            PathBuf::from(path)
        } else {
            root.join(path)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(dir: &Path) -> Home {
        Home::from_lookup(|name| (name == "HOME").then(|| dir.as_os_str().to_owned())).unwrap()
    }

    fn profile(root: &Path, ini: &str, folders: &[&str]) {
        fs::create_dir_all(root).unwrap();
        fs::write(root.join("profiles.ini"), ini).unwrap();
        for folder in folders {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
    }

    #[test]
    fn profiles_are_found_as_firefox_writes_them_down() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        profile(
            &dir.path().join(".mozilla/firefox"),
            &format!(
                "[Install4F96D1932A9F858E]\nDefault=a.default-esr\nLocked=1\n\n\
                 [Profile1]\nName=work\nIsRelative=0\nPath={}\n\n\
                 [Profile0]\nName=default-esr\nIsRelative=1\nPath=a.default-esr\n\n\
                 [Profile2]\nName=gone\nIsRelative=1\nPath=b.gone\n\n[General]\nVersion=2\n",
                elsewhere.display()
            ),
            &["a.default-esr"],
        );
        profile(
            &dir.path().join(".config/mozilla/firefox"),
            "[Profile0]\r\nName=new\r\nIsRelative=1\r\nPath=c.new\r\n",
            &["c.new"],
        );
        let found: Vec<_> = home(dir.path())
            .places()
            .into_iter()
            .map(|place| (place.browser, place.folder))
            .collect();
        assert_eq!(
            found,
            [
                (Browser::Chromium, dir.path().join(".pki/nssdb")),
                (Browser::Firefox, elsewhere),
                (
                    Browser::Firefox,
                    dir.path().join(".mozilla/firefox/a.default-esr")
                ),
                (
                    Browser::Firefox,
                    dir.path().join(".config/mozilla/firefox/c.new")
                ),
            ]
        );
    }

    #[test]
    fn sandboxes_are_told_apart_and_each_gets_its_commands() {
        let dir = tempfile::tempdir().unwrap();
        assert!(home(dir.path()).sandboxes().is_empty());
        let snap = dir.path().join("snap/firefox/common/.mozilla/firefox");
        profile(&snap, "[Profile0]\nIsRelative=1\nPath=p\n", &["p"]);
        fs::write(snap.join("p/cert9.db"), "").unwrap();
        let flatpak = dir.path().join(".var/app/org.chromium.Chromium/.pki/nssdb");
        fs::create_dir_all(&flatpak).unwrap();
        fs::write(flatpak.join("cert9.db"), "").unwrap();
        let found = home(dir.path()).sandboxes();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].databases, [snap.join("p")]);
        assert_eq!(found[1].databases, std::slice::from_ref(&flatpak));
        assert!(found[0].needs(None)[0].contains("no setting opens it"));
        let needs = found[1].needs(Some(Path::new("/m/lib.so"))).join("\n");
        assert!(needs.contains("flatpak override --user --filesystem=xdg-run/dlogin"));
        assert!(needs.contains(&format!("sql:{}", flatpak.display())));
        // They are no places to install into.
        assert_eq!(home(dir.path()).places().len(), 1);
    }
}
