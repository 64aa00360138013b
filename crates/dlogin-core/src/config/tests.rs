use std::os::unix::fs::PermissionsExt;

use super::*;

fn paths(dir: &tempfile::TempDir) -> Paths {
    Paths::from_lookup(|name| (name == "HOME").then(|| dir.path().as_os_str().to_owned())).unwrap()
}

fn ca(site: Option<&str>, url: &str) -> Ca {
    Ca {
        site: site.map(|name| SiteName::new(name).unwrap()),
        url: url.to_owned(),
        directory: format!("{url}/directory"),
        root_sha256: "00".repeat(32),
        root_pem: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned(),
    }
}

fn sample() -> Config {
    Config {
        cas: vec![ca(None, "https://ca.example:8443")],
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
    files::write_private(&paths.config_file(), b"version = 3\nnews = 1\n").unwrap();
    assert!(matches!(
        Config::load(&paths),
        Err(Error::ConfigVersion { found: 3, .. })
    ));
}

#[test]
fn version_1_is_read_and_written_as_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(&dir);
    let first = "version = 1\n\n[ca]\nurl = \"https://ca.example:8443\"\n\
        directory = \"https://ca.example:8443/directory\"\n\
        root_sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n\
        root_pem = \"\"\"\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n\"\"\"\n\n\
        [keys]\nlogin = \"9a\"\nproof = \"82\"\nserial = 12345678\n";
    files::write_private(&paths.config_file(), first.as_bytes()).unwrap();
    let config = Config::load(&paths).unwrap();
    assert_eq!(config, sample());
    config.save(&paths).unwrap();
    let text = files::read_text(&paths.config_file()).unwrap().unwrap();
    assert!(text.starts_with("version = 2\n"), "{text}");
    assert_eq!(Config::load(&paths).unwrap(), sample());
}

#[test]
fn each_site_has_its_own_cas_in_their_order() {
    let config = Config {
        cas: vec![
            ca(Some("work"), "https://w1"),
            ca(None, "https://d"),
            ca(Some("work"), "https://w2"),
        ],
        ..Config::default()
    };
    let work = SiteName::new("work").unwrap();
    let urls = |site| -> Vec<_> {
        let cas = config.cas_of(site).unwrap();
        cas.into_iter().map(|ca| ca.url.as_str()).collect()
    };
    assert_eq!(urls(Some(&work)), ["https://w1", "https://w2"]);
    assert_eq!(urls(None), ["https://d"]);
    assert_eq!(config.sites(), [Some(work), None]);
    let other = SiteName::new("other").unwrap();
    let error = config.cas_of(Some(&other)).unwrap_err();
    assert_eq!(error.exit(), crate::Exit::Missing);
    assert!(error.to_string().contains("--site other"), "{error}");
}

#[test]
fn where_only_named_sites_are_trusted_the_error_names_them() {
    let config = Config {
        cas: vec![ca(Some("work"), "https://w")],
        ..Config::default()
    };
    let error = config.cas_of(None).unwrap_err().to_string();
    assert!(error.contains("--site NAME (work)"), "{error}");
    let empty = Config::default();
    assert!(matches!(empty.cas_of(None), Err(Error::NoCa)));
}
