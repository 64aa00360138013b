//! piv-attest
