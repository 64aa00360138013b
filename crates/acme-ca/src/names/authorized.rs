//! The right to a certificate for names of servers, judged when the order is finalized.

use std::sync::Arc;

use acme_wire::order::Identifier;

use super::ServerName;
use crate::config::{Applicant, Config, Host, NameRules, Profile, ProvenBy};
use crate::orders::{AuthorizationStatus, ChallengeStatus};
use crate::store::orders::{Authorization, Order};
use crate::store::{Records, StoreError};
use crate::validators::ValidatorError;
use crate::validators::caa::{Application, Caa, CaaRefusal};
use crate::web::{Tells, paths};

/// The right of one account to one certificate for the names of one order. Only
/// [`judge`](Self::judge) makes one, and issuing uses it up.
#[derive(Debug)]
pub struct NamesAuthorized {
    profile: Arc<Profile>,
    names: Vec<ServerName>,
}

/// A name that an account may not have, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The name.
    pub name: ServerName,
    /// Why not. For the log: strangers are not told whose a name is.
    pub reason: Reason,
}

/// Why an account may not have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No rule of the profile allows it.
    #[error("no rule of the profile allows it to this account")]
    NotAllowed,
    /// It stands in the record of a key, or covers one that does.
    #[error("it is reserved: it stands in the record of a key")]
    Reserved,
    /// It is the CA's own host, or covers it: who had it could pass for the CA.
    #[error("it is the host of this CA")]
    OwnHost,
    /// Control of it is not shown, or no longer.
    #[error("its authorization is {0}")]
    Unproven(AuthorizationStatus),
}

/// Why there is no right.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// These names are not this account's.
    #[error("refused: {}", list(.0))]
    Forbidden(Vec<Forbidden>),
    /// The DNS forbids these names to this CA.
    #[error("refused: {}", caa_list(.0))]
    Caa(Vec<(ServerName, CaaRefusal)>),
    /// The DNS does not say whether this CA may issue.
    #[error("CAA: {0}")]
    NoCaa(ValidatorError),
    /// The profile issues no such certificates, or is gone.
    #[error("there is no profile {profile} for names of servers any more")]
    NoProfile {
        /// The profile.
        profile: String,
    },
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(forbidden: &[Forbidden]) -> String {
    let texts: Vec<String> = forbidden
        .iter()
        .map(|one| format!("{}: {}", one.name, one.reason))
        .collect();
    texts.join("; ")
}

fn caa_list(refused: &[(ServerName, CaaRefusal)]) -> String {
    let texts: Vec<String> = refused
        .iter()
        .map(|(name, refusal)| format!("{name}: {refusal}"))
        .collect();
    texts.join("; ")
}

impl NamesAuthorized {
    /// Judges an order: each of its authorizations is valid now, a rule allows each name to the
    /// account, none is reserved, and where the profile wants it, the DNS lets this CA issue.
    ///
    /// # Errors
    /// [`NamesError`].
    pub async fn judge(
        records: &(impl Records + ?Sized),
        config: &Config,
        caa: &Caa,
        order: &Order,
        applicant: Applicant<'_>,
        clock: &Tells,
    ) -> Result<Self, NamesError> {
        let no_profile = || NamesError::NoProfile {
            profile: order.profile.clone(),
        };
        let profile = config.profile(&order.profile).ok_or_else(no_profile)?;
        let ProvenBy::Names(rules) = &profile.proven_by else {
            return Err(no_profile());
        };
        let names = order.authorizations.iter().map(name_of);
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let mut refused = unproven(order, &names, clock());
        refused.extend(forbidden(records, config, rules, applicant, &names).await?);
        if !refused.is_empty() || names.is_empty() {
            return Err(NamesError::Forbidden(refused));
        }
        if !rules.caa.is_empty() {
            let account = paths::account(&config.url, applicant.account);
            permitted_by_caa(caa, rules, order, &names, &account).await?;
            // The DNS may have taken its time.
            let refused = unproven(order, &names, clock());
            if !refused.is_empty() {
                return Err(NamesError::Forbidden(refused));
            }
        }
        Ok(Self {
            profile: Arc::clone(profile),
            names,
        })
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The names, in the order of the order; never none.
    #[must_use]
    pub fn names(&self) -> &[ServerName] {
        &self.names
    }
}

/// The names of an order whose authorizations are not valid now.
fn unproven(order: &Order, names: &[ServerName], now: i64) -> Vec<Forbidden> {
    let authorizations = order.authorizations.iter().zip(names);
    authorizations
        .filter_map(|(authorization, name)| {
            let status = authorization.status_at(now);
            (status != AuthorizationStatus::Valid).then(|| Forbidden {
                name: name.clone(),
                reason: Reason::Unproven(status),
            })
        })
        .collect()
}

/// Asks the DNS about each name of an order (RFC 8659).
async fn permitted_by_caa(
    caa: &Caa,
    rules: &NameRules,
    order: &Order,
    names: &[ServerName],
    account: &str,
) -> Result<(), NamesError> {
    let mut lookups = caa.lookups();
    let mut refused = Vec::new();
    for (authorization, name) in order.authorizations.iter().zip(names) {
        let mut challenges = authorization.challenges.iter();
        let shown = challenges.find(|challenge| challenge.status == ChallengeStatus::Valid);
        let application = Application {
            identities: &rules.caa,
            account,
            method: shown.map_or("", |challenge| challenge.kind.as_str()),
        };
        let judged = lookups.judge(name, application).await;
        refused.extend(
            judged
                .map_err(NamesError::NoCaa)?
                .map(|why| (name.clone(), why)),
        );
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(NamesError::Caa(refused))
    }
}

/// The names that an account may not have. Judged when they are ordered, so that nobody proves
/// anything in vain, and again before each issuance.
///
/// # Errors
/// The store's.
pub async fn forbidden(
    records: &(impl Records + ?Sized),
    config: &Config,
    rules: &NameRules,
    applicant: Applicant<'_>,
    names: &[ServerName],
) -> Result<Vec<Forbidden>, StoreError> {
    let mut refused = Vec::new();
    for name in names {
        let reason = if !rules.permits(applicant, name) {
            Some(Reason::NotAllowed)
        } else if is_own_host(config, name) {
            Some(Reason::OwnHost)
        } else {
            is_reserved(records, name)
                .await?
                .then_some(Reason::Reserved)
        };
        refused.extend(reason.map(|reason| Forbidden {
            name: name.clone(),
            reason,
        }));
    }
    Ok(refused)
}

fn is_own_host(config: &Config, name: &ServerName) -> bool {
    match config.url.host() {
        Host::Dns(host) => name.covers(host),
        Host::Ip(ip) => *name == ServerName::Ip(*ip),
    }
}

async fn is_reserved(
    records: &(impl Records + ?Sized),
    name: &ServerName,
) -> Result<bool, StoreError> {
    match name {
        ServerName::Dns {
            base,
            wildcard: false,
        } => records.name_is_reserved(base).await,
        ServerName::Dns {
            base,
            wildcard: true,
        } => records.name_below_is_reserved(base).await,
        ServerName::Ip(_) => Ok(false),
    }
}

/// The name that an authorization is for.
pub(crate) fn name_of(authorization: &Authorization) -> Result<ServerName, StoreError> {
    let value = if authorization.wildcard {
        format!("*.{}", authorization.value)
    } else {
        authorization.value.clone()
    };
    let kind = authorization.kind.clone().into();
    ServerName::read(&Identifier { kind, value }).map_err(|_| StoreError::Corrupt {
        column: "authorizations.value",
    })
}
