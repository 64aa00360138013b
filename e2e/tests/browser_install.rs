//! `dlogin browser` on real profiles: what it registers, that it undoes exactly
//! that, and what it says where it cannot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::browser::{Firefox, chromium_database};
use e2e::laptop::Laptop;
use e2e::site::{DISK_NAME, Site};
use e2e::{process, programs};
use tempfile::TempDir;

/// A laptop without a YubiKey.
fn laptop() -> (Laptop, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let laptop = Laptop::new(&dir.path().join("home"), Vec::new(), "").unwrap();
    (laptop, dir)
}

fn printed(output: &Output) -> String {
    process::text(&output.stdout) + &process::text(&output.stderr)
}

/// Every file below, with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                let content = fs::read(&path).unwrap();
                found.insert(path, content);
            }
        }
    }
    found
}

fn modules(database: &Path) -> String {
    let mut modutil = Command::new(programs::system("modutil").unwrap());
    modutil
        .args(["-list", "-dbdir"])
        .arg(format!("sql:{}", database.display()));
    process::succeed(&mut modutil).unwrap()
}

fn certutil(database: &Path, args: &[&str]) -> String {
    let mut certutil = Command::new(programs::system("certutil").unwrap());
    certutil
        .args(args)
        .arg("-d")
        .arg(format!("sql:{}", database.display()));
    printed(&process::run(&mut certutil).unwrap())
}

#[test]
fn it_is_registered_once_and_taken_away_to_the_last_file() {
    let (laptop, _dir) = laptop();
    let profile = Firefox::create_profile(&laptop, "work").unwrap();
    let before = files(laptop.home());
    let first = laptop
        .succeed(&["browser", "install", "--firefox-selects"])
        .unwrap();
    assert_eq!(first.matches("added:").count(), 2, "{first}");
    for database in [&profile, &chromium_database(&laptop)] {
        // NSS itself has loaded it, and sees the token.
        let list = modules(database);
        assert!(list.contains("libdlogin_pkcs11.so"), "{list}");
        assert!(list.contains("status: loaded"), "{list}");
    }
    let between = files(laptop.home());
    let second = laptop
        .succeed(&["browser", "install", "--firefox-selects"])
        .unwrap();
    assert_eq!(second.matches("unchanged:").count(), 2, "{second}");
    assert_eq!(files(laptop.home()), between);
    let status = laptop.succeed(&["browser", "status", "--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let databases = status["databases"].as_array().unwrap();
    assert_eq!(databases.len(), 2);
    assert!(databases.iter().all(|one| one["module_exists"] == true));

    laptop.succeed(&["browser", "remove"]).unwrap();
    // The profile had no database before: NSS's own files went, too.
    assert_eq!(files(laptop.home()), before);
    let again = laptop.succeed(&["browser", "remove"]).unwrap();
    assert!(again.contains("nothing was there"), "{again}");
}

#[test]
fn what_else_is_in_a_database_stays() {
    let (laptop, dir) = laptop();
    let database = chromium_database(&laptop);
    fs::create_dir_all(&database).unwrap();
    certutil(&database, &["-N", "--empty-password"]);
    let site = dir.path().join("site.pem");
    process::succeed(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=site"])
            .arg("-keyout")
            .arg(dir.path().join("key"))
            .arg("-out")
            .arg(&site),
    )
    .unwrap();
    let site = site.display().to_string();
    certutil(&database, &["-A", "-n", "site", "-t", "C,,", "-i", &site]);
    let list = fs::read(database.join("pkcs11.txt")).unwrap();
    laptop.succeed(&["browser", "install"]).unwrap();
    let copy = fs::read(database.join("pkcs11.txt.before-dlogin")).unwrap();
    assert_eq!(copy, list, "the list of modules was kept");
    laptop.succeed(&["browser", "remove"]).unwrap();
    assert!(!modules(&database).contains("dlogin"));
    assert!(certutil(&database, &["-L"]).contains("site"));
}

#[test]
fn a_running_firefox_is_named_and_nothing_is_changed() {
    let (laptop, _dir) = laptop();
    let profile = Firefox::create_profile(&laptop, "work").unwrap();
    let firefox = Firefox::start(&laptop, &profile).unwrap();
    let output = laptop.run(&["browser", "install"]).unwrap();
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a running browser has its database open"),
        "{said}"
    );
    assert!(said.contains("firefox"), "{said}");
    assert!(said.contains(&profile.display().to_string()), "{said}");
    // Not even the one that nobody had open.
    assert!(!chromium_database(&laptop).exists());
    drop(firefox);
    laptop.succeed(&["browser", "install"]).unwrap();
    assert!(modules(&profile).contains("libdlogin_pkcs11.so"));
}

#[test]
fn a_home_that_cannot_be_written_is_an_error_and_stays_as_it_is() {
    let (laptop, _dir) = laptop();
    let before = files(laptop.home());
    let dlogin = laptop.dlogin(&["browser", "install"]);
    let mut read_only = laptop.adopt(Command::new(programs::system("unshare").unwrap()));
    if rustix::process::getuid().is_root() {
        read_only.arg("--mount");
    } else {
        read_only.args(["--mount", "--map-root-user"]);
    }
    read_only
        .args(["sh", "-c"])
        .arg(
            "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"",
        )
        .arg("sh")
        .arg(laptop.home())
        .arg(dlogin.get_program())
        .args(dlogin.get_args());
    let output = process::run(&mut read_only).unwrap();
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    let home = laptop.home().display().to_string();
    assert!(said.contains(&home), "{said}");
    assert_eq!(files(laptop.home()), before);
}

#[test]
fn without_the_tools_the_package_is_named() {
    let (laptop, dir) = laptop();
    let mut install = laptop.dlogin(&["browser", "install", "--json"]);
    install.env("PATH", dir.path());
    let output = process::run(&mut install).unwrap();
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("libnss3-tools"), "{said}");
    assert!(!chromium_database(&laptop).exists());
}

#[test]
fn bad_modules_and_sites_that_name_no_host_are_refused() {
    let (laptop, dir) = laptop();
    let root = dir.path().join("image").display().to_string();
    let run = |args: &[&str]| {
        let machine = ["browser", "install", "--machine", "--root", &root];
        let output = laptop.run(&[&machine, args].concat()).unwrap();
        (output.status.code(), printed(&output))
    };
    let (code, said) = run(&["--site", "intranet"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("https://HOST"), "{said}");
    let (code, said) = run(&["--site", "https://*"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("every site that asks"), "{said}");
    assert!(!Path::new(&root).exists(), "nothing was written");
    let (code, said) = run(&["--module", "/etc/passwd"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("is not a shared library"), "{said}");
}

#[test]
fn certificates_on_disk_are_copied_follow_renewals_and_go_at_logout() {
    let site = Site::enrolled(36_000_001).unwrap();
    let laptop = site.laptop();
    laptop.succeed(&[]).unwrap();
    let database = other_browser(&site);
    let folder = database.display().to_string();
    let import = ["browser", "import", "--database", &folder];
    laptop.succeed(&import).unwrap();
    let serial = |database: &Path| {
        let text = certutil(database, &["-L", "-n", "dlogin tls-disk"]);
        assert!(text.contains(DISK_NAME), "{text}");
        let (_, rest) = text.split_once("Serial Number:").unwrap();
        rest.split("Signature Algorithm").next().unwrap().to_owned()
    };
    let first = serial(&database);
    let keys = certutil(&database, &["-K"]);
    assert_eq!(keys.matches("dlogin tls-disk").count(), 1, "{keys}");
    // A second import replaces the first.
    laptop.succeed(&import).unwrap();
    assert_eq!(serial(&database), first);
    laptop.succeed(&["--renew", "tls-disk"]).unwrap();
    assert_ne!(serial(&database), first);
    let keys = certutil(&database, &["-K"]);
    assert_eq!(keys.matches("dlogin tls-disk").count(), 1, "{keys}");
    // What the YubiKey has cannot be copied.
    let output = laptop
        .run(&["browser", "import", "tls", "--database", &folder])
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(printed(&output).contains("stays there"));
    laptop.succeed(&["logout"]).unwrap();
    let list = certutil(&database, &["-L"]);
    assert!(!list.contains("dlogin"), "{list}");
    let keys = certutil(&database, &["-K"]);
    assert!(!keys.contains("dlogin"), "{keys}");
}

/// A PATH on which NSS's tool for PKCS#12 is this line of sh.
fn path_with_pk12util(site: &Site, line: &str) -> std::ffi::OsString {
    let folder = site.dir().join("tools");
    fs::create_dir_all(&folder).unwrap();
    // Written by a process of its own: it is run, and must be open nowhere.
    let write = format!("printf '#!/bin/sh\n{line}\n' > \"$0\" && chmod 700 \"$0\"");
    process::succeed(
        Command::new("sh")
            .args(["-c", &write])
            .arg(folder.join("pk12util")),
    )
    .unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap()
}

/// A database of a browser that has no module.
fn other_browser(site: &Site) -> PathBuf {
    let database = site.dir().join("other browser");
    fs::create_dir(&database).unwrap();
    certutil(&database, &["-N", "--empty-password"]);
    database
}

#[test]
fn an_import_that_is_killed_leaves_no_key_and_is_done_by_the_next_login() {
    use std::os::unix::process::ExitStatusExt;
    let site = Site::enrolled(36_000_003).unwrap();
    let laptop = site.laptop();
    laptop.succeed(&[]).unwrap();
    let database = other_browser(&site);
    let folder = database.display().to_string();
    let before = files(laptop.home());

    let mut import = laptop.dlogin(&["browser", "import", "--database", &folder]);
    import.env("PATH", path_with_pk12util(&site, "kill -KILL $PPID"));
    let output = process::run(&mut import).unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", printed(&output));
    let after = files(laptop.home());
    let new: Vec<_> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    let record = laptop.home().join(".local/state/dlogin/browser.json");
    assert_eq!(new, [&record]);

    laptop.succeed(&["--renew", "tls-disk"]).unwrap();
    assert!(certutil(&database, &["-L"]).contains("dlogin tls-disk"));
}

#[test]
fn a_copy_that_could_not_be_renewed_is_tried_again_and_a_new_one_is_not() {
    let site = Site::enrolled(36_000_004).unwrap();
    let laptop = site.laptop();
    laptop.succeed(&[]).unwrap();
    let database = other_browser(&site);
    let folder = database.display().to_string();
    let import = ["browser", "import", "--database", &folder];
    let failing = path_with_pk12util(&site, "exit 1");
    let has_it = || certutil(&database, &["-L"]).contains("dlogin tls-disk");

    let mut never = laptop.dlogin(&import);
    never.env("PATH", &failing);
    assert!(!process::run(&mut never).unwrap().status.success());
    laptop.succeed(&["--renew", "tls-disk"]).unwrap();
    assert!(!has_it(), "nobody was told that it would be");

    laptop.succeed(&import).unwrap();
    assert!(has_it());
    let mut renew = laptop.dlogin(&["--renew", "tls-disk"]);
    renew.env("PATH", &failing);
    let output = process::run(&mut renew).unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("warning: browsers:"));
    assert!(!has_it());
    laptop.succeed(&["--renew", "tls-disk"]).unwrap();
    assert!(has_it());

    // A browser that is gone is told of once.
    fs::remove_dir_all(&database).unwrap();
    let told = |laptop: &Laptop| {
        let output = laptop.run(&["--renew", "tls-disk"]).unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        printed(&output).contains("warning: browsers:")
    };
    assert!(told(laptop));
    assert!(!told(laptop));
}

#[test]
fn a_pkcs12_file_is_for_its_owner_and_opens_with_its_password_alone() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::enrolled(36_000_002).unwrap();
    let laptop = site.laptop();
    laptop.succeed(&[]).unwrap();
    let file = site.dir().join("alice.p12");
    let path = file.display().to_string();
    let openssl = |password: &str| {
        let mut openssl = Command::new(programs::system("openssl").unwrap());
        openssl
            .args(["pkcs12", "-nodes", "-in", &path, "-passin"])
            .arg(format!("pass:{password}"));
        printed(&process::run(&mut openssl).unwrap())
    };
    let output = laptop
        .succeed(&[
            "export",
            "tls-disk",
            "--pkcs12",
            &path,
            "--generate-password",
            "--json",
        ])
        .unwrap();
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    let password = output["password"].as_str().unwrap();
    assert!(openssl(password).contains(DISK_NAME));
    assert!(!openssl("other").contains(DISK_NAME));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Askpass types the PIN for whatever it is asked.
    laptop
        .succeed(&["export", "tls-disk", "--pkcs12", &path])
        .unwrap();
    assert!(openssl(e2e::site::PIN).contains(DISK_NAME));
    let folder = site.dir().join("none/alice.p12").display().to_string();
    let output = laptop
        .run(&["export", "tls-disk", "--pkcs12", &folder])
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let output = laptop.run(&["export", "tls", "--pkcs12", &path]).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
}
