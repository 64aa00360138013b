//! acme-wire
