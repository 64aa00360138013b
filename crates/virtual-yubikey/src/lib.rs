//! virtual-yubikey
