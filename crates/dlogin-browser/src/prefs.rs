//! The one preference of Firefox that may be set: which certificate a site gets.

use std::fs;
use std::io;
use std::path::Path;

use crate::Error;
use crate::error::file;

/// Our line in `user.js`.
const LINE: &str =
    "user_pref(\"security.default_personal_cert\", \"Select Automatically\"); // dlogin";
/// What Firefox makes of it in `prefs.js`.
const KEPT: &str = "user_pref(\"security.default_personal_cert\", \"Select Automatically\");";

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            path: path.to_owned(),
            doing: "read",
            source,
        }),
    }
}

/// Whether the profile has our line.
pub(crate) fn is_set(profile: &Path) -> Result<bool, Error> {
    Ok(read(&profile.join("user.js"))?.is_some_and(|text| text.lines().any(|l| l == LINE)))
}

/// Firefox picks a certificate by itself.
pub(crate) fn set(profile: &Path) -> Result<(), Error> {
    let path = profile.join("user.js");
    let mut text = read(&path)?.unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(LINE);
    text.push('\n');
    fs::write(&path, text).map_err(file(&path, "write"))
}

/// Takes the line away, and the copy that Firefox made of it.
pub(crate) fn unset(profile: &Path) -> Result<(), Error> {
    for (name, ours) in [("user.js", LINE), ("prefs.js", KEPT)] {
        let path = profile.join(name);
        let Some(text) = read(&path)? else { continue };
        let kept: String = text
            .split_inclusive('\n')
            .filter(|line| line.trim_end() != ours)
            .collect();
        if kept.is_empty() {
            fs::remove_file(&path).map_err(file(&path, "remove"))?;
        } else if kept != text {
            fs::write(&path, kept).map_err(file(&path, "write"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_the_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (user, prefs) = (dir.path().join("user.js"), dir.path().join("prefs.js"));
        fs::write(&user, "user_pref(\"a\", 1);").unwrap();
        set(dir.path()).unwrap();
        assert!(is_set(dir.path()).unwrap());
        fs::write(&prefs, format!("// x\n{KEPT}\nuser_pref(\"a\", 1);\n")).unwrap();
        unset(dir.path()).unwrap();
        assert!(!is_set(dir.path()).unwrap());
        assert_eq!(fs::read_to_string(user).unwrap(), "user_pref(\"a\", 1);\n");
        assert_eq!(
            fs::read_to_string(prefs).unwrap(),
            "// x\nuser_pref(\"a\", 1);\n"
        );
    }

    #[test]
    fn a_file_of_ours_alone_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        set(dir.path()).unwrap();
        unset(dir.path()).unwrap();
        assert!(!dir.path().join("user.js").exists());
    }
}
