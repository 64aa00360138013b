//! virtual-yubikey-ifd
