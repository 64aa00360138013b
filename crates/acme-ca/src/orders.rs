//! The state machine of RFC 8555 §7.1.6, pure: no clock, no store, no I/O.
//!
//! Every status of an account, order, authorization or challenge is changed by
//! asking its `after(event)`; a change that the RFC does not draw is an
//! [`IllegalTransition`], and the store writes nothing else than what came out
//! of here.
//!
//! ```
//! use acme_ca::orders::{OrderEvent, OrderStatus, Status};
//!
//! let ready = OrderStatus::Pending.after(OrderEvent::AuthorizationsValid)?;
//! assert_eq!(ready, OrderStatus::Ready);
//! assert!(OrderStatus::Pending.after(OrderEvent::Finalize).is_err());
//! # Ok::<(), acme_ca::orders::IllegalTransition>(())
//! ```

pub(crate) mod account;
mod authorization;
mod challenge;
mod order;
mod settle;

pub use account::AccountEvent;
pub use acme_wire::account::AccountStatus;
pub use acme_wire::order::{AuthorizationStatus, ChallengeStatus, OrderStatus};
pub use authorization::AuthorizationEvent;
pub use challenge::{ChallengeEvent, is_decided};
pub use order::{OrderEvent, is_open};
pub use settle::{Answered, Outcome, respond, settle};

/// A change of status that RFC 8555 §7.1.6 does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{object} is {from} and cannot {event}")]
pub struct IllegalTransition {
    /// Which kind of object.
    pub object: &'static str,
    /// Its status.
    pub from: &'static str,
    /// What was asked of it.
    pub event: &'static str,
}

/// A status that events change.
pub trait Status<Event>: Copy {
    /// The status after `event`.
    ///
    /// # Errors
    /// RFC 8555 §7.1.6 does not draw this change.
    fn after(self, event: Event) -> Result<Self, IllegalTransition>;
}

/// Declares the events of one kind of object, with the words used in errors.
macro_rules! events {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every event.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What it does, as in "cannot …".
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

use events;

/// Tries every event on every status: what the table lists must lead where it
/// says, and everything else must be refused.
#[cfg(test)]
fn check_table<S, E>(
    statuses: &[S],
    events: &[E],
    legal: &[(S, E, S)],
    after: impl Fn(S, E) -> Result<S, IllegalTransition>,
) where
    S: Copy + PartialEq + std::fmt::Debug,
    E: Copy + PartialEq + std::fmt::Debug,
{
    for &from in statuses {
        for &event in events {
            let expected = legal
                .iter()
                .find(|(f, e, _)| *f == from && *e == event)
                .map(|(_, _, to)| *to);
            assert_eq!(after(from, event).ok(), expected, "{from:?} {event:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_transition_says_what_was_asked_of_what() {
        let error = OrderStatus::Invalid
            .after(OrderEvent::Finalize)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "order is invalid and cannot be finalized"
        );
    }
}
