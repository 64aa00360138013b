//! piv-token
