//! What the answer to one challenge means for its authorization and its order.

use super::{
    AuthorizationEvent, AuthorizationStatus, ChallengeEvent, ChallengeStatus, IllegalTransition,
    OrderEvent, OrderStatus, Status,
};

/// How an answer was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Right.
    Valid,
    /// Wrong; the challenge is spent all the same.
    Invalid,
}

/// The statuses of one challenge, its authorization and its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Of the challenge.
    pub challenge: ChallengeStatus,
    /// Of its authorization.
    pub authorization: AuthorizationStatus,
    /// Of the order that the authorization was made with; none if it was made alone (RFC 8555
    /// §7.4.1).
    pub order: Option<OrderStatus>,
}

/// The challenge's status once it is answered, when the answer is judged later. `others` are the
/// other challenges of its authorization: one at a time is validated.
///
/// # Errors
/// The challenge was answered before, its authorization is not pending, or another challenge is
/// being validated.
pub fn respond(
    challenge: ChallengeStatus,
    authorization: AuthorizationStatus,
    others: impl IntoIterator<Item = ChallengeStatus>,
) -> Result<ChallengeStatus, IllegalTransition> {
    authorization.after(AuthorizationEvent::ChallengeValid)?;
    if others.into_iter().any(|o| o == ChallengeStatus::Processing) {
        return Err(IllegalTransition {
            object: "another challenge of the authorization",
            from: ChallengeStatus::Processing.as_str(),
            event: ChallengeEvent::Respond.as_str(),
        });
    }
    challenge.after(ChallengeEvent::Respond)
}

/// The statuses after `outcome`. A challenge that is judged while its request waits is answered
/// in the same step. `others_valid` says whether every other authorization of the order is valid
/// already.
///
/// An answer that is wrong because it is late spends its challenge too; an
/// authorization or order that is over stays what it is.
///
/// # Errors
/// The challenge was decided before; or the answer is right, and its
/// authorization or order is no longer pending.
pub fn settle(
    before: Answered,
    others_valid: bool,
    outcome: Outcome,
) -> Result<Answered, IllegalTransition> {
    let processing = match before.challenge {
        ChallengeStatus::Processing => before.challenge,
        other => other.after(ChallengeEvent::Respond)?,
    };
    match outcome {
        Outcome::Valid => Ok(Answered {
            challenge: processing.after(ChallengeEvent::Succeed)?,
            authorization: before
                .authorization
                .after(AuthorizationEvent::ChallengeValid)?,
            order: match (before.order, others_valid) {
                (None, _) => None,
                (Some(OrderStatus::Pending), false) => Some(OrderStatus::Pending),
                (Some(order), _) => Some(order.after(OrderEvent::AuthorizationsValid)?),
            },
        }),
        Outcome::Invalid => Ok(Answered {
            challenge: processing.after(ChallengeEvent::Fail)?,
            authorization: before
                .authorization
                .after(AuthorizationEvent::ChallengeInvalid)
                .unwrap_or(before.authorization),
            order: before
                .order
                .map(|order| order.after(OrderEvent::AuthorizationLost).unwrap_or(order)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENDING: Answered = Answered {
        challenge: ChallengeStatus::Pending,
        authorization: AuthorizationStatus::Pending,
        order: Some(OrderStatus::Pending),
    };

    #[test]
    fn a_right_answer_makes_the_order_ready() {
        let after = settle(PENDING, true, Outcome::Valid).unwrap();
        assert_eq!(
            after,
            Answered {
                challenge: ChallengeStatus::Valid,
                authorization: AuthorizationStatus::Valid,
                order: Some(OrderStatus::Ready),
            }
        );
    }

    #[test]
    fn an_order_waits_for_its_other_authorizations() {
        let after = settle(PENDING, false, Outcome::Valid).unwrap();
        assert_eq!(after.authorization, AuthorizationStatus::Valid);
        assert_eq!(after.order, Some(OrderStatus::Pending));
    }

    #[test]
    fn a_wrong_answer_spends_challenge_authorization_and_order() {
        let after = settle(PENDING, true, Outcome::Invalid).unwrap();
        assert_eq!(
            after,
            Answered {
                challenge: ChallengeStatus::Invalid,
                authorization: AuthorizationStatus::Invalid,
                order: Some(OrderStatus::Invalid),
            }
        );
    }

    /// Every combination of statuses.
    fn all() -> impl Iterator<Item = Answered> {
        use AuthorizationStatus as A;
        use ChallengeStatus as C;
        use OrderStatus as O;
        let authorizations = [
            A::Pending,
            A::Valid,
            A::Invalid,
            A::Deactivated,
            A::Expired,
            A::Revoked,
        ];
        let orders = [
            None,
            Some(O::Pending),
            Some(O::Ready),
            Some(O::Processing),
            Some(O::Valid),
            Some(O::Invalid),
        ];
        [C::Pending, C::Processing, C::Valid, C::Invalid]
            .into_iter()
            .flat_map(move |challenge| {
                authorizations.into_iter().flat_map(move |authorization| {
                    orders.into_iter().map(move |order| Answered {
                        challenge,
                        authorization,
                        order,
                    })
                })
            })
    }

    /// Whether a challenge of this status can still be decided.
    fn is_open(challenge: ChallengeStatus) -> bool {
        matches!(
            challenge,
            ChallengeStatus::Pending | ChallengeStatus::Processing
        )
    }

    #[test]
    fn only_what_is_pending_can_be_answered_rightly() {
        for before in all() {
            let good = is_open(before.challenge)
                && before.authorization == AuthorizationStatus::Pending
                && matches!(before.order, None | Some(OrderStatus::Pending));
            let settled = settle(before, true, Outcome::Valid);
            assert_eq!(settled.is_ok(), good, "{before:?}");
        }
    }

    #[test]
    fn an_authorization_without_an_order_becomes_valid_alone() {
        let alone = Answered {
            order: None,
            ..PENDING
        };
        let after = settle(alone, true, Outcome::Valid).unwrap();
        assert_eq!(after.authorization, AuthorizationStatus::Valid);
        assert_eq!(after.order, None);
    }

    #[test]
    fn a_wrong_answer_spends_any_open_challenge_and_revives_nothing() {
        for before in all() {
            let Ok(after) = settle(before, true, Outcome::Invalid) else {
                assert!(!is_open(before.challenge), "{before:?}");
                continue;
            };
            assert!(is_open(before.challenge), "{before:?}");
            assert_eq!(after.challenge, ChallengeStatus::Invalid);
            match before.authorization {
                AuthorizationStatus::Pending => {
                    assert_eq!(after.authorization, AuthorizationStatus::Invalid);
                }
                over => assert_eq!(after.authorization, over),
            }
            match before.order {
                Some(OrderStatus::Pending | OrderStatus::Ready) => {
                    assert_eq!(after.order, Some(OrderStatus::Invalid));
                }
                other => assert_eq!(after.order, other),
            }
        }
    }

    #[test]
    fn one_pending_challenge_of_a_pending_authorization_is_taken_into_processing() {
        let challenges = [
            ChallengeStatus::Pending,
            ChallengeStatus::Processing,
            ChallengeStatus::Valid,
            ChallengeStatus::Invalid,
        ];
        for before in all() {
            for other in challenges {
                let taken = respond(before.challenge, before.authorization, [other]);
                let good = before.challenge == ChallengeStatus::Pending
                    && before.authorization == AuthorizationStatus::Pending
                    && other != ChallengeStatus::Processing;
                let expected = good.then_some(ChallengeStatus::Processing);
                assert_eq!(taken.ok(), expected, "{before:?} beside {other:?}");
            }
        }
    }
}
