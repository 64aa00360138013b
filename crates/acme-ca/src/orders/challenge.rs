//! Challenges (RFC 8555 §7.1.5, §7.1.6).

use super::{ChallengeStatus, IllegalTransition, Status, events};

events! {
    /// What can happen to a challenge.
    ChallengeEvent {
        /// The client answers.
        Respond = "be answered",
        /// The server tries again (RFC 8555 §8.2).
        Retry = "be tried again",
        /// The answer is right.
        Succeed = "become valid",
        /// The answer is wrong.
        Fail = "become invalid",
    }
}

impl Status<ChallengeEvent> for ChallengeStatus {
    fn after(self, event: ChallengeEvent) -> Result<Self, IllegalTransition> {
        use ChallengeEvent as E;
        match (self, event) {
            (Self::Pending, E::Respond) | (Self::Processing, E::Retry) => Ok(Self::Processing),
            (Self::Processing, E::Succeed) => Ok(Self::Valid),
            (Self::Processing, E::Fail) => Ok(Self::Invalid),
            (Self::Pending, E::Retry | E::Succeed | E::Fail)
            | (Self::Processing, E::Respond)
            | (Self::Valid | Self::Invalid, _) => Err(IllegalTransition {
                object: "challenge",
                from: self.as_str(),
                event: event.as_str(),
            }),
        }
    }
}

/// Whether there is nothing left to decide about a challenge of this status.
#[must_use]
pub const fn is_decided(status: ChallengeStatus) -> bool {
    matches!(status, ChallengeStatus::Valid | ChallengeStatus::Invalid)
}

#[cfg(test)]
mod tests {
    use super::{ChallengeEvent as E, ChallengeStatus as S, Status};

    const ALL: &[S] = &[S::Pending, S::Processing, S::Valid, S::Invalid];

    #[test]
    fn every_transition_of_a_challenge() {
        let legal = [
            (S::Pending, E::Respond, S::Processing),
            (S::Processing, E::Retry, S::Processing),
            (S::Processing, E::Succeed, S::Valid),
            (S::Processing, E::Fail, S::Invalid),
        ];
        crate::orders::check_table(ALL, E::ALL, &legal, Status::after);
    }

    #[test]
    fn decided_is_what_has_no_way_out() {
        for &status in ALL {
            let stuck = E::ALL.iter().all(|&event| status.after(event).is_err());
            assert_eq!(super::is_decided(status), stuck, "{status}");
        }
    }
}
