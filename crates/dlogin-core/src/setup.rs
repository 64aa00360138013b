//! `dlogin setup`: a key made on the YubiKey.
