//! The right to a certificate for names of servers, judged when the order is finalized.

use std::sync::Arc;

use acme_wire::order::Identifier;

use super::ServerName;
use crate::config::{Applicant, Config, Host, NameRules, Profile, ProvenBy};
use crate::orders::AuthorizationStatus;
use crate::store::orders::{Authorization, Order};
use crate::store::{Records, StoreError};

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

impl NamesAuthorized {
    /// Judges an order: each of its authorizations is valid now, a rule allows each name to the
    /// account, and none is reserved.
    ///
    /// # Errors
    /// [`NamesError`].
    pub async fn judge(
        records: &(impl Records + ?Sized),
        config: &Config,
        order: &Order,
        applicant: Applicant<'_>,
        now: i64,
    ) -> Result<Self, NamesError> {
        let no_profile = || NamesError::NoProfile {
            profile: order.profile.clone(),
        };
        let profile = config.profile(&order.profile).ok_or_else(no_profile)?;
        let ProvenBy::Names(rules) = &profile.proven_by else {
            return Err(no_profile());
        };
        let mut names = Vec::with_capacity(order.authorizations.len());
        let mut refused = Vec::new();
        for authorization in &order.authorizations {
            let name = name_of(authorization)?;
            let status = authorization.status_at(now);
            if status != AuthorizationStatus::Valid {
                refused.push(Forbidden {
                    name: name.clone(),
                    reason: Reason::Unproven(status),
                });
            }
            names.push(name);
        }
        refused.extend(forbidden(records, config, rules, applicant, &names).await?);
        if refused.is_empty() && !names.is_empty() {
            Ok(Self {
                profile: Arc::clone(profile),
                names,
            })
        } else {
            Err(NamesError::Forbidden(refused))
        }
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
