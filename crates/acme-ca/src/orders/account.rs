//! Accounts (RFC 8555 §7.1.2, §7.1.6).

use super::{AccountStatus, IllegalTransition, Status, events};

events! {
    /// What can happen to an account.
    AccountEvent {
        /// The client deactivates it.
        Deactivate = "be deactivated",
        /// The server revokes it.
        Revoke = "be revoked",
    }
}

impl Status<AccountEvent> for AccountStatus {
    fn after(self, event: AccountEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Valid, AccountEvent::Deactivate) => Ok(Self::Deactivated),
            (Self::Valid, AccountEvent::Revoke) => Ok(Self::Revoked),
            (Self::Deactivated | Self::Revoked, _) => Err(IllegalTransition {
                object: "account",
                from: word(self),
                event: event.as_str(),
            }),
        }
    }
}

/// The word that RFC 8555 has for a status.
pub(crate) const fn word(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Valid => "valid",
        AccountStatus::Deactivated => "deactivated",
        AccountStatus::Revoked => "revoked",
    }
}

/// The status of a word.
pub(crate) fn from_word(text: &str) -> Option<AccountStatus> {
    [
        AccountStatus::Valid,
        AccountStatus::Deactivated,
        AccountStatus::Revoked,
    ]
    .into_iter()
    .find(|status| word(*status) == text)
}

#[cfg(test)]
mod tests {
    use super::{AccountEvent as E, AccountStatus as S, Status};

    const ALL: &[S] = &[S::Valid, S::Deactivated, S::Revoked];

    #[test]
    fn every_transition_of_an_account() {
        let legal = [
            (S::Valid, E::Deactivate, S::Deactivated),
            (S::Valid, E::Revoke, S::Revoked),
        ];
        crate::orders::check_table(ALL, E::ALL, &legal, Status::after);
    }
}
