//! The reasons why a key is not recorded.

use acme_yubikey::enrolment::BundleError;

use crate::config::{BadName, KeyChallenge};
use crate::records::{KeyId, KeyUse, NameClash, UserName};

/// One reason why a key is not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolRefusal {
    /// There is no such user.
    #[error("there is no user {user}: `ca user add {user}`")]
    NoUser {
        /// The user.
        user: UserName,
    },
    /// The user is disabled.
    #[error("user {user} is disabled")]
    UserDisabled {
        /// The user.
        user: UserName,
    },
    /// The bundle: unreadable, for another CA or user, without possession, or not attested.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The policy does not allow such a key.
    #[error("the policy refuses this key: {0}")]
    Policy(piv_attest::policy::Violation),
    /// Nothing was granted.
    #[error("nothing is granted: `--grant PROFILE=NAME`")]
    NoGrant,
    /// There is no such profile.
    #[error("there is no profile {profile:?} in ca.toml")]
    NoProfile {
        /// The profile.
        profile: String,
    },
    /// A profile twice.
    #[error("profile {profile} is granted twice: list its names in one `--grant`")]
    GrantedTwice {
        /// The profile.
        profile: String,
    },
    /// A profile that is not had with a key.
    #[error("profile {profile} is for names of servers: it is ordered, not granted to a key")]
    NotForKeys {
        /// The profile.
        profile: String,
    },
    /// The key is for another challenge than the profile's.
    #[error("profile {profile} ({challenge}) cannot be had with a {usage} key")]
    OtherUse {
        /// The profile.
        profile: String,
        /// Its challenge.
        challenge: KeyChallenge,
        /// What the key is for.
        usage: KeyUse,
    },
    /// A name that the profile's certificates cannot carry.
    #[error(transparent)]
    Name(#[from] BadName),
    /// A name that cannot be granted beside what is granted.
    #[error(transparent)]
    Clash(#[from] NameClash),
    /// More names than a certificate has.
    #[error("profile {profile} is granted {count} names; a certificate has at most {most}")]
    TooManyNames {
        /// The profile.
        profile: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// The public key is on record.
    #[error("this public key is on record already, as key {id} of user {user} ({state})")]
    Known {
        /// The record.
        id: KeyId,
        /// Whose it is.
        user: UserName,
        /// Its state.
        state: &'static str,
    },
}

impl EnrolRefusal {
    /// Whether the bundle could not even be read.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        use BundleError as B;
        matches!(
            self,
            Self::Bundle(
                B::NotJson { .. }
                    | B::Version { .. }
                    | B::RootNotHex
                    | B::NotBase64Url { .. }
                    | B::Empty { .. }
                    | B::TooLong { .. }
                    | B::TooManyCertificates { .. }
                    | B::User
                    | B::Nonce { .. }
                    | B::AttestedKey(_)
            )
        )
    }
}
