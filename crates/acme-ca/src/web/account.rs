//! Accounts (RFC 8555 §7.3): made, found, read, changed, deactivated; and their orders.

use std::sync::Arc;

use acme_wire::Jwk;
use acme_wire::account::{Account as AccountObject, AccountUpdate, NewAccount, OrdersList};
use acme_wire::jws::Binding;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::post::Post;
use super::problem::Error;
use super::{Web, answer, paths, random_id};
use crate::audit::{self, Decision, Outcome};
use crate::orders::AccountStatus;
use crate::serve::Peer;
use crate::store::orders::Account;
use crate::store::{Accounts, Orders, StoreError};

const MAX_CONTACTS: usize = 10;
const MAX_CONTACT: usize = 254;
/// Orders on one page of an account's list.
const PAGE: u32 = 100;

/// POST to newAccount.
pub(crate) async fn new(State(web): State<Arc<Web>>, post: Post) -> Result<Response, Error> {
    let peer = post.peer();
    let jws = post.by_key(&web)?;
    let thumbprint = jws.key().thumbprint();
    let now = web.now();
    web.may_fail(peer, now)?;
    let actor = format!("account key {}", hex::encode(thumbprint));
    let request = jws.json::<NewAccount>().map_err(Error::from);
    let request = written_down(&web, peer, "account.new", &actor, now, request).await?;
    if let Some(account) = web.ca.store().account_by_key(&thumbprint).await? {
        return existing(&web, &account);
    }
    if request.only_return_existing {
        return Err(Error::NoAccount);
    }
    let checked = check_contacts(&request.contact);
    written_down(&web, peer, "account.new", &actor, now, checked).await?;
    let agreed = check_terms(&web, &request);
    let agreed = written_down(&web, peer, "account.new", &actor, now, agreed).await?;
    let bound = check_binding(&web, &request, jws.key(), now).await;
    let bound = written_down(&web, peer, "account.new", &actor, now, bound).await?;
    let (user, external) = bound.unzip();
    if let Some(peer) = peer {
        web.accounts
            .count(peer.0.ip(), web.limits.accounts, now)
            .map_err(|retry_after| Error::TooMany {
                what: "too many new accounts from this address",
                retry_after,
            })?;
    }
    let account = Account {
        id: random_id()?,
        thumbprint,
        jwk: jws.key().to_json().to_string(),
        status: AccountStatus::Valid,
        contact: request.contact,
        terms: request.terms_of_service_agreed,
        agreed,
        user,
        external,
        disabled: false,
        created: now,
    };
    // Two requests with one key at once: the second finds the account of the first.
    let subject = format!("account {}", account.id);
    let mut decision = Decision::new(Outcome::Done, "account.new", actor, subject, now);
    if let (Some(user), Some(external)) = (&account.user, &account.external) {
        decision = decision.fact("user", user).fact("external", external);
    }
    let logged = decision.clone();
    let added = match web.ca.store().add_account(account, decision).await {
        // Another account was faster, or the operator took the key away meanwhile.
        Err(StoreError::Conflict { .. }) => Err(Error::ExternalKey),
        other => other.map_err(Error::from),
    };
    let (account, made) =
        written_down(&web, peer, "account.new", &logged.actor, now, added).await?;
    if !made {
        return existing(&web, &account);
    }
    logged.log();
    Ok(show(&web, &account, StatusCode::CREATED))
}

/// POST to an account: empty to read it (§6.3), otherwise an update (§7.3.2) or the end of it
/// (§7.3.6).
pub(crate) async fn post(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Error> {
    let (caller, jws) = post.by_account(&web).await?;
    let mut account = caller.account;
    if account.id != id {
        return Err(Error::NotFound);
    }
    if jws.is_post_as_get() {
        return Ok(show(&web, &account, StatusCode::OK));
    }
    let update: AccountUpdate = jws.json()?;
    match update.status {
        None | Some(AccountStatus::Valid) => {}
        Some(AccountStatus::Deactivated) => {
            let decision = Decision::new(
                Outcome::Done,
                "account.deactivate",
                format!("account {id}"),
                format!("account {id}"),
                web.now(),
            );
            let logged = decision.clone();
            let ended = match web.ca.store().deactivate_account(&id, decision).await {
                // Another request was faster.
                Err(StoreError::Conflict { .. }) => Err(Error::AccountStatus {
                    status: AccountStatus::Deactivated,
                }),
                other => other.map_err(Error::from),
            };
            let (actor, now) = (&logged.actor, logged.at);
            account = written_down(&web, caller.peer, &logged.action, actor, now, ended).await?;
            logged.log();
            return Ok(show(&web, &account, StatusCode::OK));
        }
        Some(AccountStatus::Revoked) => return Err(Error::StatusChange),
    }
    if let Some(terms) = &web.ca.config().acme.terms_of_service
        && update.terms_of_service_agreed == Some(true)
        && account.agreed.as_ref() != Some(terms)
    {
        let name = format!("account {id}");
        let decision = Decision::new(Outcome::Done, "account.agree", &name, &name, web.now());
        let decision = decision.fact("terms", terms);
        web.ca.store().agree(&id, terms, decision).await?;
        account.agreed = Some(terms.clone());
        account.terms = true;
    }
    if let Some(contact) = update.contact {
        let now = web.now();
        web.may_fail(caller.peer, now)?;
        let actor = format!("account {id}");
        let checked = check_contacts(&contact);
        written_down(&web, caller.peer, "account.update", &actor, now, checked).await?;
        account = web.ca.store().set_contact(&id, contact).await?;
    }
    Ok(show(&web, &account, StatusCode::OK))
}

/// POST-as-GET of an account's orders (§7.1.2.1).
pub(crate) async fn orders(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    post: Post,
) -> Result<Response, Error> {
    let caller = post.post_as_get(&web).await?;
    if caller.account.id != id {
        return Err(Error::NotFound);
    }
    let url = &web.ca.config().url;
    let after = query
        .as_deref()
        .and_then(|query| query.strip_prefix("after="))
        .unwrap_or_default();
    // One more than a page holds tells whether there is a next one.
    let mut ids = web.ca.store().order_ids(&id, after, PAGE + 1).await?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = ids.len() > page;
    ids.truncate(page);
    let list = OrdersList {
        orders: ids.iter().map(|order| paths::order(url, order)).collect(),
    };
    let response = answer::json(StatusCode::OK, &list);
    Ok(match ids.last().filter(|_| more) {
        Some(last) => {
            let next = format!("{}?after={last}", paths::orders(url, &id));
            answer::with_link(response, &next, "next")
        }
        None => response,
    })
}

/// Where the terms are that a new account agrees to; `None` where there are none.
fn check_terms(web: &Web, request: &NewAccount) -> Result<Option<String>, Error> {
    match &web.ca.config().acme.terms_of_service {
        Some(url) if !request.terms_of_service_agreed => Err(Error::Terms { url: url.clone() }),
        terms => Ok(terms.clone()),
    }
}

/// Whom a new account is bound to, and by which key; `None` where nobody asks for it.
async fn check_binding(
    web: &Web,
    request: &NewAccount,
    key: &Jwk,
    now: i64,
) -> Result<Option<(String, String)>, Error> {
    let config = web.ca.config();
    let Some(binding) = &request.external_account_binding else {
        return if config.acme.external_account_required {
            Err(Error::ExternalAccountRequired)
        } else {
            Ok(None)
        };
    };
    let binding = Binding::read(binding, &config.url.join(paths::NEW_ACCOUNT))?;
    let found = web.ca.store().external_mac(binding.kid(), now).await?;
    let (user, mac) = found.ok_or(Error::ExternalKey)?;
    let mac = zeroize::Zeroizing::new(mac);
    binding.verify(&mac, key)?;
    Ok(Some((user, binding.kid().to_owned())))
}

/// An account that was changed, as its client sees it.
pub(crate) fn shown(web: &Web, account: &Account) -> Response {
    show(web, account, StatusCode::OK)
}

/// Counts a refusal and writes it down.
async fn written_down<T>(
    web: &Web,
    peer: Option<Peer>,
    action: &str,
    actor: &str,
    now: i64,
    checked: Result<T, Error>,
) -> Result<T, Error> {
    if let Err(error) = &checked
        && !matches!(error, Error::Store(_) | Error::Internal { .. })
    {
        web.failed(peer, now);
        let refused =
            Decision::new(Outcome::Refused, action.to_owned(), actor, actor, now).because(error);
        audit::record(web.ca.store(), refused).await?;
    }
    checked
}

fn existing(web: &Web, account: &Account) -> Result<Response, Error> {
    match account.status {
        AccountStatus::Valid => Ok(show(web, account, StatusCode::OK)),
        status => Err(Error::AccountStatus { status }),
    }
}

fn show(web: &Web, account: &Account, status: StatusCode) -> Response {
    let url = &web.ca.config().url;
    let object = AccountObject {
        status: account.status,
        contact: account.contact.clone(),
        terms_of_service_agreed: account.terms.then_some(true),
        orders: Some(paths::orders(url, &account.id)),
    };
    answer::with_header(
        answer::json(status, &object),
        header::LOCATION,
        &paths::account(url, &account.id),
    )
}

/// Contacts are mail addresses, one in each URL and without header fields (RFC 8555 §7.3).
fn check_contacts(contacts: &[String]) -> Result<(), Error> {
    let refuse = |contact: &str, reason, supported| {
        Err(Error::Contact {
            contact: contact.chars().take(80).collect(),
            reason,
            supported,
        })
    };
    if contacts.len() > MAX_CONTACTS {
        return refuse("…", "there are more than 10", true);
    }
    for contact in contacts {
        let Some(address) = contact.strip_prefix("mailto:") else {
            return refuse(contact, "only mailto: is supported", false);
        };
        let is_address = address
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
            && address.matches('@').count() == 1
            && address
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"?,;<>\"".contains(&b));
        if contact.len() > MAX_CONTACT || !is_address {
            return refuse(contact, "it is not one mail address", true);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_single_mail_addresses() {
        let check = |contact: &str| check_contacts(&[contact.to_owned()]);
        assert!(check("mailto:alice@example.com").is_ok());
        for unsupported in [
            "tel:+3581234",
            "https://example.com",
            "alice@example.com",
            "",
        ] {
            assert!(matches!(
                check(unsupported),
                Err(Error::Contact {
                    supported: false,
                    ..
                })
            ));
        }
        for bad in [
            "mailto:",
            "mailto:alice",
            "mailto:@example.com",
            "mailto:a@b,c@d",
            "mailto:a@b?subject=x",
            "mailto:a b@c",
            "mailto:ä@example.com",
        ] {
            assert!(
                matches!(
                    check(bad),
                    Err(Error::Contact {
                        supported: true,
                        ..
                    })
                ),
                "{bad}"
            );
        }
        let many = vec!["mailto:alice@example.com".to_owned(); 11];
        assert!(check_contacts(&many).is_err());
    }
}
