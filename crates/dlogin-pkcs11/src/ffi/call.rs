//! What every function does first and last.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR, CKR_OK};

use crate::error::Error;

/// Runs a function and gives its number. A panic ends here: to unwind into C
/// is undefined.
pub(super) fn answer(work: impl FnOnce() -> Result<(), Error>) -> CK_RV {
    // What a panic may leave half done is behind the lock of the module, whose
    // changes are whole (see `Module::state`).
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(error)) => error.rv(),
        Err(_) => CKR_GENERAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_number() {
        assert_eq!(answer(|| panic!("on purpose")), CKR_GENERAL_ERROR);
    }
}
