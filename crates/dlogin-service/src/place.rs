//! Where the socket is.

use std::ffi::OsString;
use std::path::PathBuf;

/// The socket of the signing service: `dlogin/service.sock` in
/// `$XDG_RUNTIME_DIR`; where that is not set, in the folder of the
/// certificates below `$XDG_STATE_HOME` or `~/.local/state`. As the XDG
/// specification has it, a variable that is no absolute path counts as not
/// set. `None` where nothing is.
#[must_use]
pub fn socket(lookup: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        lookup(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = match absolute("XDG_RUNTIME_DIR") {
        Some(runtime) => runtime.join("dlogin"),
        None => absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?
            .join("dlogin/certificates"),
    };
    Some(folder.join("service.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(environment: &[(&str, &str)]) -> Option<PathBuf> {
        socket(|name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_socket_is_beside_the_certificates() {
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(
            place(&[("XDG_RUNTIME_DIR", "/run/user/1"), ("HOME", "/h")]),
            at("/run/user/1/dlogin/service.sock")
        );
        assert_eq!(
            place(&[("XDG_RUNTIME_DIR", "relative"), ("HOME", "/h")]),
            at("/h/.local/state/dlogin/certificates/service.sock")
        );
        assert_eq!(place(&[]), None);
    }
}
