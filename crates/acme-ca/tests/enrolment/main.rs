//! What may be enrolled, and every way in which a bundle is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/device.rs"]
mod device;
#[path = "../support/site.rs"]
mod site;

mod bundles;
mod records;

use acme_ca::enrolment::Request;
use acme_ca::records::KeyUse;
use site::{Site, parse, user};

/// A site that knows alice.
async fn with_alice() -> Site {
    let site = Site::new().await;
    site.add_user("alice").await;
    site
}

fn request(bundle: Vec<u8>) -> Request {
    Request {
        user: user("alice"),
        usage: KeyUse::Login,
        grants: parse(&["tls=alice.example", "ssh=alice,deploy"]),
        bundle,
    }
}
