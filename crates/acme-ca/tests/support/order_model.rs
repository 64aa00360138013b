//! An order with its authorizations and challenges, put together of nothing but what
//! `acme_ca::orders` says, and what must hold of it at any time. A fuzz target includes this file.

use acme_ca::orders::{
    Answered, AuthorizationEvent, AuthorizationStatus as A, ChallengeStatus as C, OrderEvent,
    OrderStatus as O, Outcome, Status, is_decided, is_open, respond, settle,
};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Authorization {
    pub(crate) status: A,
    pub(crate) challenges: Vec<C>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Order {
    pub(crate) status: O,
    pub(crate) authorizations: Vec<Authorization>,
}

impl Order {
    /// An authorization with so many challenges, for each number.
    pub(crate) fn new(challenges: &[usize]) -> Self {
        let authorization = |count: &usize| Authorization {
            status: A::Pending,
            challenges: vec![C::Pending; *count],
        };
        Self {
            status: O::Pending,
            authorizations: challenges.iter().map(authorization).collect(),
        }
    }

    /// Up to three authorizations with up to three challenges each.
    pub(crate) fn of_shape(shape: u8) -> Self {
        let count = |number: u8| usize::from((shape >> (2 * number)) % 3) + 1;
        let counts: Vec<usize> = (0..shape % 3 + 1).map(count).collect();
        Self::new(&counts)
    }

    /// What one of nine events makes of it, at a challenge (upper half of `place`) of an
    /// authorization (lower half); `None` if it is refused.
    pub(crate) fn after(&self, event: u8, place: u8) -> Option<Self> {
        let mut next = self.clone();
        let count = next.authorizations.len();
        let number = usize::from(place % 16) % count;
        let others_valid = (0..count)
            .all(|other| other == number || next.authorizations[other].status == A::Valid);
        let Authorization { status, challenges } = &mut next.authorizations[number];
        let asked = usize::from(place / 16) % challenges.len();
        match event % 9 {
            0 => {
                let others = challenges.iter().enumerate();
                let others = others
                    .filter(|(one, _)| *one != asked)
                    .map(|(_, status)| *status);
                let answered = respond(challenges[asked], *status, others).ok()?;
                challenges[asked] = answered;
            }
            judged @ 1..=2 => {
                let before = Answered {
                    challenge: challenges[asked],
                    authorization: *status,
                    order: Some(next.status),
                };
                let outcome = [Outcome::Valid, Outcome::Invalid][usize::from(judged) - 1];
                let after = settle(before, others_valid, outcome).ok()?;
                challenges[asked] = after.challenge;
                *status = after.authorization;
                next.status = after.order.expect("it has an order");
            }
            lost @ 3..=5 => {
                use AuthorizationEvent::{Deactivate, Expire, Revoke};
                let event = [Deactivate, Expire, Revoke][usize::from(lost) - 3];
                *status = status.after(event).ok()?;
                next.status = next
                    .status
                    .after(OrderEvent::AuthorizationLost)
                    .unwrap_or(next.status);
            }
            6 => next.status = next.status.after(OrderEvent::Finalize).ok()?,
            7 => next.status = next.status.after(OrderEvent::Issue).ok()?,
            _ => {
                let event = [OrderEvent::Refuse, OrderEvent::Expire][usize::from(place) % 2];
                next.status = next.status.after(event).ok()?;
            }
        }
        Some(next)
    }

    /// What must hold at any time.
    pub(crate) fn check(&self) {
        for authorization in &self.authorizations {
            let count = |status| {
                let same = |one: &&C| **one == status;
                authorization.challenges.iter().filter(same).count()
            };
            assert!(
                count(C::Processing) <= 1 && count(C::Valid) <= 1,
                "{self:?}"
            );
            match authorization.status {
                A::Pending => assert_eq!(count(C::Valid) + count(C::Invalid), 0, "{self:?}"),
                A::Valid => assert_eq!(count(C::Valid), 1, "{self:?}"),
                _ => assert!(
                    !matches!(self.status, O::Pending | O::Ready),
                    "an open order lacks an authorization: {self:?}"
                ),
            }
            if self.status == O::Ready {
                assert_eq!(authorization.status, A::Valid, "{self:?}");
            }
        }
    }

    /// What must hold between one state and the next.
    pub(crate) fn check_step(&self, next: &Self) {
        let drawn = match (self.status, next.status) {
            (before, after) if before == after => true,
            (O::Pending, O::Ready) | (O::Ready, O::Processing) | (O::Processing, O::Valid) => true,
            (before, O::Invalid) => is_open(before),
            _ => false,
        };
        assert!(drawn, "{self:?} {next:?}");
        for (before, after) in self.authorizations.iter().zip(&next.authorizations) {
            let over = !matches!(before.status, A::Pending | A::Valid);
            assert!(!over || before.status == after.status, "{self:?} {next:?}");
            for (before, after) in before.challenges.iter().zip(&after.challenges) {
                assert!(!is_decided(*before) || before == after, "{self:?} {next:?}");
            }
        }
    }
}
