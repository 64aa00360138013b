//! `ca.toml`: what it may say, and that every error points at its line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/device.rs"]
mod device;

mod errors;
mod profiles;
mod validation;
mod whole;

use std::path::Path;

use acme_ca::config::{Config, ConfigError, template};

fn good() -> String {
    template(&"https://ca.example:8443".parse().unwrap(), None)
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/nowhere/ca.toml"))
}
