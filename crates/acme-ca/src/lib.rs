//! acme-ca
