//! An order, its authorizations and challenges, and whatever happens to them in whatever order:
//! what RFC 8555 §7.1.6 does not draw is never reached.
#![no_main]

use acme_ca::orders::{
    Answered, AuthorizationEvent, AuthorizationStatus as A, ChallengeStatus as C, OrderEvent,
    OrderStatus as O, Outcome, Status, is_decided, is_open, respond, settle,
};
use libfuzzer_sys::fuzz_target;

#[derive(Clone, PartialEq, Debug)]
struct Authorization {
    status: A,
    challenges: Vec<C>,
}

#[derive(Clone, PartialEq, Debug)]
struct Order {
    status: O,
    authorizations: Vec<Authorization>,
}

impl Order {
    /// Some authorizations, up to three challenges each.
    fn new(shape: u8) -> Self {
        let authorization = |number: u8| Authorization {
            status: A::Pending,
            challenges: vec![C::Pending; usize::from((shape >> (2 * number)) % 3) + 1],
        };
        Self {
            status: O::Pending,
            authorizations: (0..shape % 3 + 1).map(authorization).collect(),
        }
    }

    /// What one event makes of it; `None` if it is refused.
    fn after(&self, event: u8, place: u8) -> Option<Self> {
        let mut next = self.clone();
        let count = next.authorizations.len();
        let number = usize::from(place) % count;
        let others_valid = (0..count)
            .all(|other| other == number || next.authorizations[other].status == A::Valid);
        let Authorization { status, challenges } = &mut next.authorizations[number];
        let asked = usize::from(place / 16) % challenges.len();
        match event % 9 {
            0 => {
                let others = challenges.iter().enumerate();
                let others = others.filter(|(one, _)| *one != asked).map(|(_, status)| *status);
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
    fn check(&self) {
        for authorization in &self.authorizations {
            let count = |status| {
                let same = |one: &&C| **one == status;
                authorization.challenges.iter().filter(same).count()
            };
            assert!(count(C::Processing) <= 1 && count(C::Valid) <= 1, "{self:?}");
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
    fn check_step(&self, next: &Self) {
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

fuzz_target!(|events: &[u8]| {
    let Some((shape, events)) = events.split_first() else {
        return;
    };
    let mut order = Order::new(*shape);
    for event in events.chunks_exact(2) {
        if let Some(next) = order.after(event[0], event[1]) {
            order.check_step(&next);
            next.check();
            order = next;
        }
    }
});
