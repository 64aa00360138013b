//! Lines as OpenSSH writes them: type, base64, optional comment.

use base64ct::{Base64, Encoding};

use crate::error::ReadError;

/// The type and the decoded rest. One newline may end the line; the comment is dropped.
pub(crate) fn split(line: &str, max: usize) -> Result<(&str, Vec<u8>), ReadError> {
    if line.len() > max {
        return Err(ReadError::TooLong { max });
    }
    let line = line.strip_suffix('\n').unwrap_or(line);
    if line.chars().any(char::is_control) {
        return Err(ReadError::NotALine);
    }
    let mut parts = line.splitn(3, ' ');
    match (parts.next(), parts.next()) {
        (Some(kind), Some(base64)) if !kind.is_empty() => {
            let blob = Base64::decode_vec(base64).map_err(|_| ReadError::NotBase64)?;
            Ok((kind, blob))
        }
        _ => Err(ReadError::NotALine),
    }
}
