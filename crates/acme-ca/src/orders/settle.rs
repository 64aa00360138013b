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
/// # Errors
/// The challenge was decided before, or its authorization or order is no
/// longer pending.
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
                .after(AuthorizationEvent::ChallengeInvalid)?,
            order: before.order.after(OrderEvent::AuthorizationLost)?,
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

    #[test]
    fn only_what_is_pending_can_be_answered() {
        use AuthorizationStatus as A;
        use ChallengeStatus as C;
        use OrderStatus as O;
        for challenge in [C::Pending, C::Processing, C::Valid, C::Invalid] {
            for authorization in [
                A::Pending,
                A::Valid,
                A::Invalid,
                A::Deactivated,
                A::Expired,
                A::Revoked,
            ] {
                for order in [O::Pending, O::Ready, O::Processing, O::Valid, O::Invalid] {
                    let before = Answered {
                        challenge,
                        authorization,
                        order,
                    };
                    for outcome in [Outcome::Valid, Outcome::Invalid] {
                        let settled = settle(before, true, outcome);
                        let may = challenge == ChallengeStatus::Pending
                            && authorization == AuthorizationStatus::Pending
                            && (order == OrderStatus::Pending
                                || (order == OrderStatus::Ready && outcome == Outcome::Invalid));
                        assert_eq!(settled.is_ok(), may, "{before:?} {outcome:?}");
                    }
                }
            }
        }
    }
}
