//! `ca user eab`, `eab-list` and `eab-revoke`: keys that bind an ACME account to a person.

use acme_ca::Ca;
use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::{new_external_key, now};
use acme_ca::config::Seconds;
use acme_ca::records::UserName;
use acme_ca::store::Accounts;
use acme_ca::store::accounts::ExternalKey;

use crate::exit::Failure;
use crate::print;

pub(super) async fn add(
    ca: &Ca,
    name: &UserName,
    valid: Seconds,
    json: bool,
) -> Result<(), Failure> {
    let fresh = new_external_key()?;
    let at = now();
    let decision = Decision::new(
        Outcome::Done,
        "user.eab",
        OPERATOR,
        format!("user {name}"),
        at,
    )
    .fact("external", &fresh.id);
    let key = ca
        .store()
        .add_external_key(
            &fresh.id,
            name,
            fresh.mac.to_vec(),
            at.saturating_add(valid.0),
            decision,
        )
        .await?;
    let text = fresh.text();
    if json {
        return print::json_with(&key, "hmac_key", &*text);
    }
    print::fact("key id", &key.id)?;
    print::fact("HMAC key", &*text)?;
    print::fact("for user", &key.user)?;
    print::fact("until", print::time(key.expires))?;
    print::line("")?;
    print::line("The HMAC key is not shown again. It is good for one account:")?;
    print::line("  certbot register --eab-kid KEY_ID --eab-hmac-key HMAC_KEY")
}

pub(super) async fn list(ca: &Ca, name: Option<&UserName>, json: bool) -> Result<(), Failure> {
    let keys = ca.store().external_keys(name).await?;
    if json {
        return print::json(&keys);
    }
    let rows: Vec<_> = keys.iter().map(row).collect();
    print::table(&["KEY ID", "USER", "MADE", "STATE"], &rows)
}

fn row(key: &ExternalKey) -> Vec<String> {
    let state = match (key.used, key.revoked) {
        (Some(used), _) => format!(
            "used {} by account {}",
            print::time(used),
            key.account.as_deref().unwrap_or("-")
        ),
        (None, Some(revoked)) => format!("revoked {}", print::time(revoked)),
        (None, None) if key.expires <= now() => format!("expired {}", print::time(key.expires)),
        (None, None) => format!("good until {}", print::time(key.expires)),
    };
    vec![
        key.id.clone(),
        key.user.clone(),
        print::time(key.created),
        state,
    ]
}

pub(super) async fn revoke(ca: &Ca, id: &str, json: bool) -> Result<(), Failure> {
    let subject = format!("external account key {id}");
    let decision = Decision::new(Outcome::Done, "user.eab-revoke", OPERATOR, subject, now());
    let key = ca.store().revoke_external_key(id, decision).await?;
    if json {
        return print::json(&key);
    }
    print::line(&format!("revoked external account key {id}"))
}
