//! Problems with the names of an order: one subproblem for each (RFC 8555 §6.7.1).

use acme_wire::order::Identifier;
use acme_wire::problem::{Problem, ProblemType, Subproblem};

use crate::names::{BadName, Forbidden, Reason, ServerName};
use crate::validators::caa::CaaRefusal;

/// Why an identifier cannot be ordered under a profile for names of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadIdentifier {
    /// It is no such name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The profile has no challenge that could show control of it.
    #[error(
        "this profile has no challenge for it: a wildcard needs dns-01, an address http-01 or tls-alpn-01"
    )]
    NoMethod,
    /// Each of its challenges is for one order.
    #[error(
        "no challenge of this profile can be answered ahead of an order: kubernetes-01 proves a pod for one"
    )]
    NotAhead,
}

impl BadIdentifier {
    fn kind(self) -> ProblemType {
        match self {
            Self::Name(BadName::Type) => ProblemType::UnsupportedIdentifier,
            Self::Name(_) => ProblemType::Malformed,
            Self::NoMethod | Self::NotAhead => ProblemType::RejectedIdentifier,
        }
    }
}

pub(super) fn bad_identifiers(bad: &[(Identifier, BadIdentifier)]) -> String {
    match bad {
        [(identifier, reason)] => format!("{identifier}: {reason}"),
        several => format!("{} identifiers cannot be ordered", several.len()),
    }
}

/// Does not tell whether a name is reserved, and for whom.
pub(super) fn forbidden_text(profile: &str, refused: &[Forbidden]) -> String {
    let names = match refused {
        [one] => format!("{}", one.name),
        several => format!("{} of the names", several.len()),
    };
    format!(
        "this account may not have {names} under profile {profile}; the CA's operator allows names with [[profiles.{profile}.allow]] in ca.toml"
    )
}

fn identifier(name: &ServerName) -> Identifier {
    Identifier {
        kind: name.kind(),
        value: name.to_string(),
    }
}

fn subproblem(kind: ProblemType, detail: String, identifier: Identifier) -> Subproblem {
    Subproblem {
        kind,
        detail: Some(detail),
        identifier: Some(identifier),
    }
}

/// For names that an account may not have.
pub(crate) fn of_forbidden(profile: &str, refused: &[Forbidden]) -> Problem {
    let kind = ProblemType::RejectedIdentifier;
    let mut problem = Problem::new(kind.clone(), forbidden_text(profile, refused));
    problem.subproblems = refused
        .iter()
        .map(|one| {
            let detail = match one.reason {
                Reason::Unproven(status) => format!("its authorization is {status}"),
                Reason::NotAllowed | Reason::Reserved | Reason::OwnHost => {
                    "the CA's policy does not allow it to this account".to_owned()
                }
            };
            subproblem(kind.clone(), detail, identifier(&one.name))
        })
        .collect();
    problem
}

/// For names that the DNS forbids to this CA (RFC 8659).
pub(crate) fn of_caa(refused: &[(ServerName, CaaRefusal)]) -> Problem {
    let kind = ProblemType::Caa;
    let detail = match refused {
        [(name, refusal)] => format!("this CA may not issue for {name}: {refusal}"),
        several => format!("this CA may not issue for {} of the names", several.len()),
    };
    let mut problem = Problem::new(kind.clone(), detail);
    problem.subproblems = refused
        .iter()
        .map(|(name, refusal)| subproblem(kind.clone(), refusal.to_string(), identifier(name)))
        .collect();
    problem
}

pub(super) fn of_identifiers(detail: String, bad: Vec<(Identifier, BadIdentifier)>) -> Problem {
    let mut kinds = bad.iter().map(|(_, reason)| reason.kind());
    let first = kinds.next().unwrap_or(ProblemType::Malformed);
    let kind = if kinds.all(|kind| kind == first) {
        first
    } else {
        ProblemType::Compound
    };
    let mut problem = Problem::new(kind, detail);
    problem.subproblems = bad
        .into_iter()
        .map(|(identifier, reason)| subproblem(reason.kind(), reason.to_string(), identifier))
        .collect();
    problem
}
