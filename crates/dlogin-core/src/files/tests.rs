use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_not_committed_leaves_the_old_one_and_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a");
    write_private(&place, b"old").unwrap();
    drop(Pending::write(&place, b"new").unwrap());
    assert_eq!(read_text(&place).unwrap().as_deref(), Some("old"));
    assert_eq!(names(dir.path()), ["a"]);
}

#[test]
fn a_folder_that_others_may_enter_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("open");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    write_private(&folder.join("a"), b"x").unwrap();
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    fs::write(&target, b"precious").unwrap();
    let place = dir.path().join("a");
    std::os::unix::fs::symlink(&target, &place).unwrap();
    write_private(&place, b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink(&target, &place).unwrap();
    assert!(remove_secret(&place).unwrap());
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing() {
    // A folder in which no file can be made stands for every way in which
    // writing fails; the journeys fill a real file system.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("not-a-folder");
    fs::write(&file, b"").unwrap();
    assert!(matches!(
        write_private(&file.join("a"), b"x"),
        Err(Error::File { .. })
    ));
    assert_eq!(names(dir.path()), ["not-a-folder"]);
}

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    assert!(matches!(
        read_text(Path::new("/dev/zero")),
        Err(Error::Unreadable { .. })
    ));
}

#[test]
fn a_removed_secret_was_overwritten_first() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("key");
    let other_name = dir.path().join("same-blocks");
    fs::write(&secret, b"secret").unwrap();
    fs::hard_link(&secret, &other_name).unwrap();
    assert!(remove_secret(&secret).unwrap());
    assert_eq!(fs::read(&other_name).unwrap(), [0; 6]);
    assert!(!remove_secret(&secret).unwrap());
}
