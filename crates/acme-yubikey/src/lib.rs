//! acme-yubikey
