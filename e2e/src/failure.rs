//! One kind of failure: a sentence for the person who reads the report.

use std::fmt;

/// What went wrong, in words.
#[derive(Debug)]
pub struct Failure(String);

/// What a step of a journey gives.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
