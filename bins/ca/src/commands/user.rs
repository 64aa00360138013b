//! `ca user`.

use acme_ca::Ca;
use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::records::User as Person;
use acme_ca::store::{CertificateFilter, Records};

use super::cert::StillValid;
use super::eab;
use super::revoked::Revoked;
use crate::arguments::User;
use crate::exit::Failure;
use crate::print;

pub(super) async fn run(ca: &Ca, command: &User, json: bool) -> Result<(), Failure> {
    match command {
        User::Add { name } => {
            let decision = decision("user.add", name);
            let user = ca.store().add_user(name, decision).await?;
            if json {
                return print::json(&user);
            }
            print::line(&format!("added user {}", user.name))
        }
        User::List => {
            let users = ca.store().users().await?;
            if json {
                return print::json(&users);
            }
            let rows: Vec<_> = users.iter().map(row).collect();
            print::table(&["USER", "ADDED", "STATE"], &rows)
        }
        User::Eab { name, valid } => eab::add(ca, name, *valid, json).await,
        User::EabList { name } => eab::list(ca, name.as_ref(), json).await,
        User::EabRevoke { id } => eab::revoke(ca, id, json).await,
        User::Disable { name } => {
            let decision = decision("user.disable", name);
            let user = ca.store().disable_user(name, decision).await?;
            let filter = CertificateFilter {
                user: Some(name.to_string()),
                ..CertificateFilter::default()
            };
            let revoked = Revoked::find(ca, filter.clone(), now()).await?;
            let still_valid = StillValid::find(ca, filter).await?;
            if json {
                return still_valid.print_json_with(&user, &revoked);
            }
            print::line(&format!("disabled user {}", user.name))?;
            revoked.print()
        }
    }
}

fn decision(action: &'static str, name: &acme_ca::records::UserName) -> Decision {
    Decision::new(
        Outcome::Done,
        action,
        OPERATOR,
        format!("user {name}"),
        now(),
    )
}

fn row(user: &Person) -> Vec<String> {
    vec![
        user.name.to_string(),
        print::time(user.added),
        user.disabled.map_or_else(
            || "enabled".to_owned(),
            |since| format!("disabled since {}", print::time(since)),
        ),
    ]
}
