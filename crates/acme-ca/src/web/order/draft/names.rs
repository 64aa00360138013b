//! Orders for names of servers: one authorization for each name, with every challenge that can
//! show control of it.

use std::collections::HashSet;

use acme_wire::order::Identifier;

use crate::config::{Applicant, NameRules, Profile};
use crate::names::{ServerName, forbidden};
use crate::orders::{AuthorizationStatus, ChallengeStatus};
use crate::store::orders::{Account, Authorization, Challenge, Part};
use crate::web::problem::{BadIdentifier, Error};
use crate::web::{Web, random};

/// The names that a request asks for, each once, in its order. All that is wrong is told at once.
pub(super) async fn checked(
    web: &Web,
    account: &Account,
    profile: &Profile,
    rules: &NameRules,
    identifiers: &[Identifier],
) -> Result<Vec<ServerName>, Error> {
    if identifiers.is_empty() {
        return Err(Error::NoIdentifier);
    }
    let most = web.limits.identifiers;
    if identifiers.len() > most {
        let found = identifiers.len();
        return Err(Error::TooManyIdentifiers { found, most });
    }
    let mut names = Vec::with_capacity(identifiers.len());
    let mut seen = HashSet::with_capacity(identifiers.len());
    let mut bad = Vec::new();
    for identifier in identifiers {
        match read(rules, identifier) {
            Ok(name) if seen.insert(name.clone()) => names.push(name),
            Ok(_) => {}
            Err(reason) => bad.push((short(identifier), reason)),
        }
    }
    if !bad.is_empty() {
        return Err(Error::Identifiers(bad));
    }
    let applicant = Applicant::of(account);
    let refused = forbidden(web.ca.store(), web.ca.config(), rules, applicant, &names).await?;
    if refused.is_empty() {
        Ok(names)
    } else {
        Err(Error::Forbidden {
            profile: profile.name.clone(),
            refused,
        })
    }
}

fn read(rules: &NameRules, identifier: &Identifier) -> Result<ServerName, BadIdentifier> {
    let name = ServerName::read(identifier)?;
    if rules.challenges_for(&name).next().is_none() {
        return Err(BadIdentifier::NoMethod);
    }
    Ok(name)
}

/// What goes into an error: the sender may have written anything.
fn short(identifier: &Identifier) -> Identifier {
    Identifier {
        kind: String::from(identifier.kind.clone())
            .chars()
            .take(64)
            .collect::<String>()
            .into(),
        value: identifier.value.chars().take(260).collect(),
    }
}

/// An authorization for each name, with the challenges that are `offered`; `order` is the id that
/// theirs begin with.
pub(super) fn authorizations(
    web: &Web,
    order: &str,
    rules: &NameRules,
    names: &[ServerName],
    now: i64,
    offered: impl Fn(&str) -> bool,
) -> Result<Vec<Authorization>, Error> {
    let lifetimes = web.ca.config().lifetimes;
    let expires = now.saturating_add(lifetimes.challenge.0.min(lifetimes.order.0));
    let mut all = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let part = Part {
            order,
            authorization: place,
            challenge: None,
        };
        let challenges = rules
            .challenges_for(name)
            .filter(|kind| offered(kind))
            .enumerate()
            .map(|(place, kind)| challenge(part, place, kind))
            .collect::<Result<_, _>>()?;
        all.push(Authorization {
            id: part.id(),
            kind: name.kind().into(),
            value: name.authorized_value(),
            wildcard: name.is_wildcard(),
            status: AuthorizationStatus::Pending,
            expires,
            challenges,
        });
    }
    Ok(all)
}

fn challenge(of: Part<'_>, place: usize, kind: &str) -> Result<Challenge, Error> {
    let challenge = Some(place);
    Ok(Challenge {
        id: Part { challenge, ..of }.id(),
        kind: kind.to_owned(),
        // 256 bits, where RFC 8555 §8 wants 128.
        token: acme_wire::base64url::encode(&random::<32>()?),
        status: ChallengeStatus::Pending,
        decided: None,
        problem: None,
    })
}
