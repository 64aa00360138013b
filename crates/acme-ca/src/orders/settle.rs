//! What one decided challenge means for its authorization and its order.

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
    /// Of the order that the authorization belongs to.
    pub order: OrderStatus,
}

/// The statuses after `outcome`, in one step, since an answer is decided while
/// its request waits. `others_valid` says whether every other authorization of
/// the order is valid already.
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
    let processing = before.challenge.after(ChallengeEvent::Respond)?;
    match outcome {
        Outcome::Valid => Ok(Answered {
            challenge: processing.after(ChallengeEvent::Succeed)?,
            authorization: before
                .authorization
                .after(AuthorizationEvent::ChallengeValid)?,
            order: match (before.order, others_valid) {
                (OrderStatus::Pending, false) => OrderStatus::Pending,
                (order, _) => order.after(OrderEvent::AuthorizationsValid)?,
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
                .after(OrderEvent::AuthorizationLost)
                .unwrap_or(before.order),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENDING: Answered = Answered {
        challenge: ChallengeStatus::Pending,
        authorization: AuthorizationStatus::Pending,
        order: OrderStatus::Pending,
    };

    #[test]
    fn a_right_answer_makes_the_order_ready() {
        let after = settle(PENDING, true, Outcome::Valid).unwrap();
        assert_eq!(
            after,
            Answered {
                challenge: ChallengeStatus::Valid,
                authorization: AuthorizationStatus::Valid,
                order: OrderStatus::Ready,
            }
        );
    }

    #[test]
    fn an_order_waits_for_its_other_authorizations() {
        let after = settle(PENDING, false, Outcome::Valid).unwrap();
        assert_eq!(after.authorization, AuthorizationStatus::Valid);
        assert_eq!(after.order, OrderStatus::Pending);
    }

    #[test]
    fn a_wrong_answer_spends_challenge_authorization_and_order() {
        let after = settle(PENDING, true, Outcome::Invalid).unwrap();
        assert_eq!(
            after,
            Answered {
                challenge: ChallengeStatus::Invalid,
                authorization: AuthorizationStatus::Invalid,
                order: OrderStatus::Invalid,
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
        let orders = [O::Pending, O::Ready, O::Processing, O::Valid, O::Invalid];
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

    #[test]
    fn only_what_is_pending_can_be_answered_rightly() {
        for before in all() {
            let settled = settle(before, true, Outcome::Valid);
            assert_eq!(settled.is_ok(), before == PENDING, "{before:?}");
        }
    }

    #[test]
    fn a_wrong_answer_spends_any_pending_challenge_and_revives_nothing() {
        for before in all() {
            let Ok(after) = settle(before, true, Outcome::Invalid) else {
                assert_ne!(before.challenge, ChallengeStatus::Pending, "{before:?}");
                continue;
            };
            assert_eq!(before.challenge, ChallengeStatus::Pending, "{before:?}");
            assert_eq!(after.challenge, ChallengeStatus::Invalid);
            match before.authorization {
                AuthorizationStatus::Pending => {
                    assert_eq!(after.authorization, AuthorizationStatus::Invalid);
                }
                over => assert_eq!(after.authorization, over),
            }
            match before.order {
                OrderStatus::Pending | OrderStatus::Ready => {
                    assert_eq!(after.order, OrderStatus::Invalid);
                }
                other => assert_eq!(after.order, other),
            }
        }
    }
}
