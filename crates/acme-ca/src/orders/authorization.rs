//! Authorizations (RFC 8555 §7.1.4, §7.1.6).

use super::{AuthorizationStatus, IllegalTransition, Status, events};

events! {
    /// What can happen to an authorization.
    AuthorizationEvent {
        /// One of its challenges became valid.
        ChallengeValid = "become valid",
        /// One of its challenges became invalid, or an error occurred.
        ChallengeInvalid = "become invalid",
        /// Its time is over.
        Expire = "expire",
        /// The client deactivates it.
        Deactivate = "be deactivated",
        /// The server revokes it.
        Revoke = "be revoked",
    }
}

impl Status<AuthorizationEvent> for AuthorizationStatus {
    fn after(self, event: AuthorizationEvent) -> Result<Self, IllegalTransition> {
        use AuthorizationEvent as E;
        match (self, event) {
            (Self::Pending, E::ChallengeValid) => Ok(Self::Valid),
            (Self::Pending, E::ChallengeInvalid) => Ok(Self::Invalid),
            (Self::Pending | Self::Valid, E::Expire) => Ok(Self::Expired),
            (Self::Pending | Self::Valid, E::Deactivate) => Ok(Self::Deactivated),
            (Self::Pending | Self::Valid, E::Revoke) => Ok(Self::Revoked),
            (Self::Valid, E::ChallengeValid | E::ChallengeInvalid)
            | (Self::Invalid | Self::Deactivated | Self::Expired | Self::Revoked, _) => {
                Err(IllegalTransition {
                    object: "authorization",
                    from: self.as_str(),
                    event: event.as_str(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthorizationEvent as E, AuthorizationStatus as S, Status};

    const ALL: &[S] = &[
        S::Pending,
        S::Valid,
        S::Invalid,
        S::Deactivated,
        S::Expired,
        S::Revoked,
    ];

    #[test]
    fn every_transition_of_an_authorization() {
        let legal = [
            (S::Pending, E::ChallengeValid, S::Valid),
            (S::Pending, E::ChallengeInvalid, S::Invalid),
            (S::Pending, E::Expire, S::Expired),
            (S::Pending, E::Deactivate, S::Deactivated),
            (S::Pending, E::Revoke, S::Revoked),
            (S::Valid, E::Expire, S::Expired),
            (S::Valid, E::Deactivate, S::Deactivated),
            (S::Valid, E::Revoke, S::Revoked),
        ];
        crate::orders::check_table(ALL, E::ALL, &legal, Status::after);
    }
}
