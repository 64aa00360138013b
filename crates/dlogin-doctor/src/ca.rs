//! The CAs: trusted, reachable, of the same time as we.

use dlogin_core::config::Ca;
use dlogin_core::{CaError, Config, Error, Exit, trust};

use crate::Check;

const ID: &str = "ca";
/// A root that ends sooner is worth a word to the operator.
const SOON: time::Duration = time::Duration::days(60);

pub(crate) async fn check(config: &Config) -> Vec<Check> {
    if config.cas.is_empty() {
        return vec![
            Check::fault(ID, Exit::Missing, "no CA is trusted yet")
                .todo("dlogin trust URL --fingerprint SHA256, as the CA's operator gives them"),
        ];
    }
    let mut checks = Vec::new();
    for ca in &config.cas {
        checks.push(one(ca).await);
        checks.extend(root(ca));
    }
    checks
}

async fn one(ca: &Ca) -> Check {
    let url = &ca.url;
    match trust::check(ca).await {
        Ok(()) => Check::ok(
            ID,
            format!("{url} answers as itself, and its clock is ours"),
        ),
        Err(error) => {
            let (id, todo) = advice(&error);
            let check = Check::fault(id, error.exit(), error.to_string());
            match todo {
                Some(todo) => check.todo(todo),
                None => check,
            }
        }
    }
}

/// What the error's own words do not say yet.
fn advice(error: &Error) -> (&'static str, Option<&'static str>) {
    match error {
        Error::StoredRoot => ("trust", Some("dlogin trust URL --fingerprint SHA256")),
        Error::Ca(CaError::NotTrusted { .. }) => (
            "trust",
            Some(
                "ask the operator, not by this network, whether the CA has a new root; \
                 then dlogin trust URL --fingerprint SHA256",
            ),
        ),
        Error::Ca(CaError::WrongName { .. }) => ("trust", Some("check the URL with the operator")),
        Error::Ca(
            CaError::Clock { .. } | CaError::TlsNotYetValid { .. } | CaError::TlsExpired { .. },
        ) => (
            "clock",
            Some("set the clock: sudo timedatectl set-ntp true; then look at `timedatectl`"),
        ),
        Error::Ca(CaError::Unreachable { .. } | CaError::Silent { .. }) => (
            ID,
            Some("check the network and the VPN, then the CA's operator"),
        ),
        _ => (ID, None),
    }
}

fn root(ca: &Ca) -> Option<Check> {
    let end = trust::root_end(ca).ok()?;
    let now = time::OffsetDateTime::now_utc();
    let date = end.date();
    let url = &ca.url;
    if end <= now {
        return Some(
            Check::fault(
                "trust",
                Exit::Ca,
                format!("the trusted root of {url} expired on {date}"),
            )
            .todo("ask the operator for the new root, then dlogin trust URL --fingerprint SHA256"),
        );
    }
    (end - now < SOON).then(|| {
        Check::warning("trust", format!("the trusted root of {url} ends on {date}"))
            .todo("ask the operator for the next root")
    })
}
