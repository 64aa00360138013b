//! A file that is whole at every moment: sshd refuses everybody while it cannot read its
//! RevokedKeys, and a web server does not start with half a CRL.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file beside the old one, waits until it is on disk, and puts it in its place.
///
/// # Errors
/// The system's; then the old file stands as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let name = path.file_name().ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file")
    })?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut fresh = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut fresh)
        .map_err(|_| std::io::Error::other("the operating system gave no randomness"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", hex::encode(fresh)));
    let beside = folder.join(beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    // The new name is on disk, too.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("krl");
        for text in ["first", "second"] {
            replace(&path, text.as_bytes(), 0o644).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_reader_finds_the_old_file_or_the_new_one() {
        const SIZE: usize = 1 << 20;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("krl");
        let texts = [vec![b'a'; SIZE], vec![b'b'; SIZE]];
        replace(&path, &texts[0], 0o644).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for text in texts.iter().cycle().take(50) {
                    replace(&path, text, 0o644).unwrap();
                }
            });
            while !writer.is_finished() {
                let found = std::fs::read(&path).unwrap();
                assert!(texts.contains(&found), "{} bytes", found.len());
            }
        });
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stands_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder");
        std::fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"x", 0o644).is_err());
        assert!(replace(Path::new("/"), b"x", 0o644).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
