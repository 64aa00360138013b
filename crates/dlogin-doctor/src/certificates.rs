//! What is held, and for how long yet.

use dlogin_core::status::status;
use dlogin_core::{Paths, need};

use crate::Check;

const ID: &str = "certificates";

pub(crate) fn check(paths: &Paths) -> Vec<Check> {
    let held = match status(paths) {
        Ok(status) => status.certificates,
        // Of the configuration it was said before.
        Err(_) => return Vec::new(),
    };
    if held.is_empty() {
        return vec![Check::warning(ID, "no certificate is held").todo("dlogin")];
    }
    let now = time::OffsetDateTime::now_utc();
    held.into_iter()
        .map(|held| {
            let (name, end) = (held.certificate.name(), held.certificate.end());
            if held.expired {
                Check::warning(ID, format!("{name} expired at {end}")).todo("dlogin")
            } else if held.certificate.not_after - now <= need::MARGIN {
                Check::warning(ID, format!("{name} ends at {end}")).todo("dlogin")
            } else {
                Check::ok(ID, format!("{name} is good until {end}"))
            }
        })
        .collect()
}
