//! Orders (RFC 8555 §7.4): made and read.

use std::sync::Arc;

use acme_wire::Timestamp;
use acme_wire::order::{Identifier, IdentifierType, NewOrder, Order as OrderObject};
use acme_yubikey::ChallengeValue;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, paths, random, random_id};
use crate::audit::{self, Decision, Outcome};
use crate::config::{BadValidity, Profile};
use crate::orders::{AuthorizationStatus, ChallengeStatus, OrderStatus};
use crate::store::Orders;
use crate::store::orders::{Authorization, Challenge, Created, Handle, Order, Part};

/// POST to newOrder. Says nothing about any record: whether a key is enrolled is told to
/// nobody who has not proven to have it.
pub(crate) async fn new(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let now = web.now();
    if let Some(peer) = caller.peer {
        web.orders
            .count(peer.0.ip(), web.limits.orders, now)
            .map_err(|retry_after| Error::TooMany {
                what: "too many new orders from this address",
                retry_after,
            })?;
    }
    web.may_fail(caller.peer, now)?;
    let drafted = jws
        .json::<NewOrder>()
        .map_err(Error::from)
        .and_then(|request| draft(&web, &caller.account.id, &request, now));
    let order = match drafted {
        Ok(order) => order,
        Err(error) => {
            web.failed(caller.peer, now);
            let account = format!("account {}", caller.account.id);
            let refused = Decision::new(Outcome::Refused, "order.new", &account, &account, now)
                .because(&error);
            audit::record(web.ca.store(), refused).await?;
            return Err(error);
        }
    };
    match web
        .ca
        .store()
        .add_order(order.clone(), web.limits.open_orders)
        .await?
    {
        Created::Stored => Ok(show(&web, &order, now, StatusCode::CREATED)),
        Created::TooMany { until } => Err(Error::TooMany {
            what: "this account has too many open orders",
            retry_after: until.saturating_sub(now),
        }),
    }
}

/// POST-as-GET of an order.
pub(crate) async fn get(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let caller = post.post_as_get(&web).await?;
    let order = web
        .ca
        .store()
        .order(&caller.account.id, Handle::Order(&id))
        .await?
        .ok_or(Error::NotFound)?;
    Ok(show(&web, &order, web.now(), StatusCode::OK))
}

/// The order that a request asks for.
fn draft(web: &Web, account: &str, request: &NewOrder, now: i64) -> Result<Order, Error> {
    let profile = profile(web, request)?;
    let [identifier] = request.identifiers.as_slice() else {
        return Err(Error::IdentifierCount {
            found: request.identifiers.len(),
        });
    };
    let value = check_identifier(identifier)?;
    if request.not_before.is_some() {
        return Err(BadValidity::NotBefore.into());
    }
    let not_after = request.not_after.map(Timestamp::epoch_seconds);
    profile.not_after(not_after, now)?;
    let lifetimes = web.ca.config().lifetimes;
    let token = ChallengeValue::new(profile.challenge, random()?).to_token();
    let id = random_id()?;
    let part = Part {
        order: &id,
        authorization: 0,
        challenge: None,
    };
    let challenge = Challenge {
        id: Part {
            challenge: Some(0),
            ..part
        }
        .id(),
        kind: profile.challenge.as_str().to_owned(),
        token,
        status: ChallengeStatus::Pending,
        decided: None,
        problem: None,
    };
    let authorization = Authorization {
        id: part.id(),
        kind: identifier.kind.as_str().to_owned(),
        value,
        status: AuthorizationStatus::Pending,
        expires: now.saturating_add(lifetimes.challenge.0.min(lifetimes.order.0)),
        challenges: vec![challenge],
    };
    Ok(Order {
        account: account.to_owned(),
        profile: profile.name.clone(),
        status: OrderStatus::Pending,
        created: now,
        expires: now.saturating_add(lifetimes.order.0),
        not_after,
        csr: None,
        problem: None,
        certificate: None,
        authorizations: vec![authorization],
        id,
    })
}

fn profile<'a>(web: &'a Web, request: &NewOrder) -> Result<&'a Profile, Error> {
    let name = request.profile.as_deref().ok_or(Error::NoProfile)?;
    web.ca
        .config()
        .profile(name)
        .ok_or_else(|| Error::UnknownProfile {
            profile: name.chars().take(64).collect(),
        })
}

/// The value of an identifier that a yubikey order may have, in the form in which it is stored.
fn check_identifier(identifier: &Identifier) -> Result<String, Error> {
    let value = identifier.value.as_str();
    let refuse = |kind, reason| {
        Err(Error::IdentifierValue {
            kind,
            value: value.chars().take(80).collect(),
            reason,
        })
    };
    match &identifier.kind {
        IdentifierType::PermanentIdentifier => {
            const KIND: &str = "permanent-identifier";
            if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return refuse(KIND, "write the YubiKey's serial number in decimal");
            }
            if value.len() > 1 && value.starts_with('0') {
                return refuse(KIND, "a serial number has no leading zeros");
            }
            if value.parse::<u64>().is_err() {
                return refuse(KIND, "the serial number is too large");
            }
            Ok(value.to_owned())
        }
        IdentifierType::Dns if crate::config::is_dns_name(value) => Ok(value.to_ascii_lowercase()),
        IdentifierType::Dns => refuse("dns", "it is no host name, or a wildcard"),
        other => Err(Error::IdentifierType {
            kind: other.as_str().chars().take(64).collect(),
        }),
    }
}

/// An order as its client sees it.
pub(crate) fn show(web: &Web, order: &Order, now: i64, status: StatusCode) -> Response {
    let url = &web.ca.config().url;
    let object = OrderObject {
        status: order.status_at(now),
        expires: Timestamp::from_epoch(order.expires),
        identifiers: order.authorizations.iter().map(identifier).collect(),
        profile: Some(order.profile.clone()),
        not_before: None,
        not_after: order.not_after.and_then(Timestamp::from_epoch),
        error: order
            .problem
            .as_deref()
            .and_then(|problem| serde_json::from_str(problem).ok()),
        authorizations: order
            .authorizations
            .iter()
            .map(|authorization| paths::authorization(url, &authorization.id))
            .collect(),
        finalize: paths::finalize(url, &order.id),
        certificate: order
            .certificate
            .as_deref()
            .map(|id| paths::certificate(url, id)),
        replaces: None,
    };
    let response = answer::json(status, &object);
    let response = answer::with_header(response, header::LOCATION, &paths::order(url, &order.id));
    if object.status == OrderStatus::Processing {
        answer::with_header(response, header::RETRY_AFTER, "1")
    } else {
        response
    }
}

pub(crate) fn identifier(authorization: &Authorization) -> Identifier {
    Identifier {
        kind: authorization.kind.clone().into(),
        value: authorization.value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_decimal_without_leading_zeros() {
        let check = |value: &str| check_identifier(&Identifier::permanent(value));
        for good in ["0", "1", "12345678", "18446744073709551615"] {
            assert_eq!(check(good).unwrap(), good);
        }
        for bad in [
            "",
            "01",
            "00",
            "+1",
            "-1",
            " 1",
            "0x10",
            "1e3",
            "١",
            "18446744073709551616",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_host_names_without_wildcards() {
        let check = |value: &str| check_identifier(&Identifier::dns(value));
        assert_eq!(check("Alice.Example").unwrap(), "alice.example");
        for bad in ["", "*.example", "a b", "127.0.0.1", "a..b", "-a"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_types_are_unsupported() {
        let other = Identifier {
            kind: IdentifierType::Ip,
            value: "127.0.0.1".into(),
        };
        assert!(matches!(
            check_identifier(&other),
            Err(Error::IdentifierType { .. })
        ));
    }
}
