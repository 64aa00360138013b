//! The order that a request asks for, checked and not yet stored.

use acme_wire::Timestamp;
use acme_wire::order::{Identifier, NewOrder};

use super::super::problem::{BadIdentifier, Error};
use super::super::{Web, timed_id};
use crate::config::{BadValidity, Profile, ProvenBy};
use crate::kubernetes::CHALLENGE as KUBERNETES;
use crate::orders::OrderStatus;
use crate::store::orders::{Account, Order};

mod names;
mod predecessor;
mod yubikey;

/// An order about to be stored.
pub(super) struct Drafted {
    pub(super) order: Order,
    /// The id of the certificate that it replaces.
    pub(super) predecessor: Option<String>,
    /// Whether valid authorizations of the account may serve it.
    pub(super) reuse: bool,
}

pub(super) async fn order(
    web: &Web,
    account: &Account,
    request: &NewOrder,
    now: i64,
) -> Result<Drafted, Error> {
    let profile = profile(web, request.profile.as_deref())?;
    let id = timed_id(now)?;
    let (authorizations, reuse) = match &profile.proven_by {
        ProvenBy::Yubikey(challenge) => {
            let one = yubikey::authorization(web, &id, *challenge, &request.identifiers, now)?;
            (vec![one], false)
        }
        ProvenBy::Names(rules) => {
            let names = names::checked(web, account, profile, rules, &request.identifiers).await?;
            let authorizations = names::authorizations(web, &id, rules, &names, now, |_| true)?;
            (authorizations, web.reuses_authorizations())
        }
    };
    if request.not_before.is_some() {
        return Err(BadValidity::NotBefore.into());
    }
    let not_after = request.not_after.map(Timestamp::epoch_seconds);
    profile.not_after(not_after, now)?;
    let predecessor = match &request.replaces {
        Some(id) => Some(predecessor::check(web, account, &authorizations, id).await?),
        None => None,
    };
    let order = Order {
        account: account.id.clone(),
        profile: profile.name.clone(),
        status: OrderStatus::Pending,
        created: now,
        expires: now.saturating_add(web.ca.config().lifetimes.order.0),
        not_after,
        csr: None,
        problem: None,
        certificate: None,
        replaces: request.replaces.clone(),
        authorizations,
        id,
    };
    Ok(Drafted {
        order,
        predecessor,
        reuse,
    })
}

/// An authorization for one name, without an order (RFC 8555 §7.4.1).
pub(in crate::web) async fn authorization(
    web: &Web,
    account: &Account,
    profile_name: Option<&str>,
    identifier: &Identifier,
    now: i64,
) -> Result<crate::store::orders::Authorization, Error> {
    let profile = profile(web, profile_name)?;
    let ProvenBy::Names(rules) = &profile.proven_by else {
        return Err(Error::NewAuthorization);
    };
    let identifiers = std::slice::from_ref(identifier);
    let names = names::checked(web, account, profile, rules, identifiers).await?;
    if names.iter().any(crate::names::ServerName::is_wildcard) {
        return Err(Error::WildcardAuthorization);
    }
    // A pod proves itself for each order.
    let ahead = |kind: &str| kind != KUBERNETES;
    let made = names::authorizations(web, &timed_id(now)?, rules, &names, now, ahead)?;
    let made = made.into_iter().next().ok_or(Error::NoIdentifier)?;
    if made.challenges.is_empty() {
        let bad = (identifier.clone(), BadIdentifier::NotAhead);
        return Err(Error::Identifiers(vec![bad]));
    }
    Ok(made)
}

fn profile<'a>(web: &'a Web, asked: Option<&str>) -> Result<&'a std::sync::Arc<Profile>, Error> {
    let config = web.ca.config();
    let name = asked
        .or(config.default_profile.as_deref())
        .ok_or(Error::NoProfile)?;
    config.profile(name).ok_or_else(|| Error::UnknownProfile {
        profile: name.chars().take(64).collect(),
    })
}
