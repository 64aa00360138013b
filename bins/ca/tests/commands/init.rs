//! `ca init`: a private folder, made once and whole or not at all.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::operator::Operator;

#[test]
fn init_makes_a_private_folder_and_says_what_is_next() {
    let operator = Operator::new();
    let said = operator.init();
    assert!(said.contains(&operator.fingerprint()), "{said}");
    assert!(said.contains("user add"), "{said}");
    let mut folders = vec![operator.dir()];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_never_overwrites() {
    let operator = Operator::new();
    operator.init();
    let before = std::fs::read(operator.dir().join("pki/root.key")).unwrap();
    let again = operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    assert!(again.contains("never overwritten"), "{again}");
    // The remains of one are not overwritten either.
    std::fs::remove_file(operator.dir().join("ca.toml")).unwrap();
    operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    let after = std::fs::read(operator.dir().join("pki/root.key")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn init_takes_an_empty_folder_and_no_open_one_with_contents() {
    let operator = Operator::new();
    std::fs::create_dir(operator.dir()).unwrap();
    std::fs::set_permissions(operator.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(operator.dir().join("notes"), "").unwrap();
    let open = operator.fail(3, &["init", "--url", "https://localhost:8443"]);
    assert!(open.contains("open to others"), "{open}");
    std::fs::remove_file(operator.dir().join("notes")).unwrap();
    operator.init();
    assert_eq!(mode(&operator.dir()), 0o700);
}

#[test]
fn init_that_cannot_work_leaves_nothing_behind() {
    let operator = Operator::new();
    for (url, listen) in [
        ("http://ca.example", None),
        ("https://ca.example/acme", None),
        ("https://ca.example", Some("everywhere")),
    ] {
        let mut arguments = vec!["init", "--url", url];
        arguments.extend(listen.iter().flat_map(|listen| ["--listen", listen]));
        operator.fail(2, &arguments);
        assert!(!operator.dir().join("pki").exists());
    }
}
