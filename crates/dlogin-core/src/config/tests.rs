use std::os::unix::fs::PermissionsExt;

use super::*;

fn paths(dir: &tempfile::TempDir) -> Paths {
    Paths::from_lookup(|name| (name == "HOME").then(|| dir.path().as_os_str().to_owned())).unwrap()
}

fn sample() -> Config {
    Config {
        ca: Some(Ca {
            url: "https://ca.example:8443".to_owned(),
            directory: "https://ca.example:8443/directory".to_owned(),
            root_sha256: "00".repeat(32),
            root_pem: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned(),
        }),
        keys: Keys {
            serial: Some(12_345_678),
            ..Keys::default()
        },
        ..Config::default()
    }
}

#[test]
fn what_is_saved_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    sample().save(&paths(&dir)).unwrap();
    assert_eq!(Config::load(&paths(&dir)).unwrap(), sample());
}

#[test]
fn no_file_is_the_default() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Config::load(&paths(&dir)).unwrap(), Config::default());
}

#[test]
fn only_the_owner_may_read_file_and_folder() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(&dir);
    sample().save(&paths).unwrap();
    let file = paths.config_file();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file) & 0o777, 0o600);
    assert_eq!(mode(file.parent().unwrap()) & 0o777, 0o700);
}

#[test]
fn an_error_names_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(&dir);
    files::write_private(&paths.config_file(), b"version = 1\n\nhello = 3\n").unwrap();
    let error = Config::load(&paths).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("config.toml"), "{text}");
    assert!(text.contains("line 3"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(error.exit(), crate::Exit::Usage);
}

#[test]
fn a_newer_file_is_refused_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(&dir);
    files::write_private(&paths.config_file(), b"version = 2\n").unwrap();
    assert!(matches!(
        Config::load(&paths),
        Err(Error::ConfigVersion { found: 2, .. })
    ));
}
