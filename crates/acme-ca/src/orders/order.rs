//! Orders (RFC 8555 §7.1.3, §7.1.6).

use super::{IllegalTransition, OrderStatus, Status, events};

events! {
    /// What can happen to an order.
    OrderEvent {
        /// All its authorizations are valid.
        AuthorizationsValid = "become ready",
        /// One of its authorizations is lost.
        AuthorizationLost = "lose an authorization",
        /// Its time is over, unused.
        Expire = "expire",
        /// The client finalizes it (RFC 8555 §7.4).
        Finalize = "be finalized",
        /// The certificate is on record.
        Issue = "be issued",
        /// The CA will not make the certificate.
        Refuse = "be refused",
    }
}

impl Status<OrderEvent> for OrderStatus {
    fn after(self, event: OrderEvent) -> Result<Self, IllegalTransition> {
        use OrderEvent as E;
        match (self, event) {
            (Self::Pending, E::AuthorizationsValid) => Ok(Self::Ready),
            (Self::Ready, E::Finalize) => Ok(Self::Processing),
            (Self::Processing, E::Issue) => Ok(Self::Valid),
            (Self::Pending | Self::Ready, E::AuthorizationLost | E::Expire)
            | (Self::Pending | Self::Ready | Self::Processing, E::Refuse) => Ok(Self::Invalid),
            (Self::Pending, E::Finalize | E::Issue)
            | (Self::Ready, E::AuthorizationsValid | E::Issue)
            | (
                Self::Processing,
                E::AuthorizationsValid | E::AuthorizationLost | E::Expire | E::Finalize,
            )
            | (Self::Valid | Self::Invalid, _) => Err(IllegalTransition {
                object: "order",
                from: self.as_str(),
                event: event.as_str(),
            }),
        }
    }
}

/// Whether an order of this status still waits for something.
#[must_use]
pub const fn is_open(status: OrderStatus) -> bool {
    matches!(
        status,
        OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing
    )
}

#[cfg(test)]
mod tests {
    use super::{OrderEvent as E, OrderStatus as S, Status};

    const ALL: &[S] = &[S::Pending, S::Ready, S::Processing, S::Valid, S::Invalid];

    #[test]
    fn every_transition_of_an_order() {
        let legal = [
            (S::Pending, E::AuthorizationsValid, S::Ready),
            (S::Pending, E::AuthorizationLost, S::Invalid),
            (S::Pending, E::Expire, S::Invalid),
            (S::Pending, E::Refuse, S::Invalid),
            (S::Ready, E::Finalize, S::Processing),
            (S::Ready, E::AuthorizationLost, S::Invalid),
            (S::Ready, E::Expire, S::Invalid),
            (S::Ready, E::Refuse, S::Invalid),
            (S::Processing, E::Issue, S::Valid),
            (S::Processing, E::Refuse, S::Invalid),
        ];
        crate::orders::check_table(ALL, E::ALL, &legal, Status::after);
    }

    #[test]
    fn open_is_what_has_a_way_out() {
        for &status in ALL {
            let leaves = E::ALL.iter().any(|&event| status.after(event).is_ok());
            assert_eq!(super::is_open(status), leaves, "{status}");
        }
    }
}
