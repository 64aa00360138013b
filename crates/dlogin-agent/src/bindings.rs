//! Which sessions a connection is for, and where it comes from (PROTOCOL.agent,
//! `session-bind@openssh.com`).
//!
//! The person's own ssh binds first: to the session that it logs in to, or, where
//! the agent is forwarded, to the host that speaks from then on. What comes after
//! a forwarding is that host's word.

use crate::host_key::HostKey;
use crate::message::Bind;

/// How many sessions one connection may be bound to; OpenSSH's own limit.
const MAX_BINDINGS: usize = 16;
/// The longest identifier of a session, in bytes; OpenSSH's own limit.
const MAX_SESSION: usize = 128;

/// A session that its host has signed.
struct Binding {
    host: HostKey,
    session: Vec<u8>,
    forwarding: bool,
}

/// Where a connection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing says that it was forwarded.
    #[default]
    Here,
    /// The first host that it was forwarded to, which is the one that our own
    /// ssh named: those behind it are as it says.
    Host(HostKey),
    /// A host whose signature did not hold, or that is of a kind that we do not
    /// know. ssh goes on all the same.
    Unchecked,
}

impl Origin {
    /// The host that asks, in words; `None` for this one.
    pub(crate) fn host(&self) -> Option<String> {
        match self {
            Self::Here => None,
            Self::Host(key) => Some(format!("host {}", key.fingerprint())),
            Self::Unchecked => Some("a host that could not be checked".to_owned()),
        }
    }
}

/// The sessions of one connection.
#[derive(Default)]
pub(crate) struct Bindings {
    bound: Vec<Binding>,
    origin: Origin,
}

impl Bindings {
    /// Binds, or says no. A forwarding counts as one also where it cannot be
    /// checked: ssh does not end a connection whose binding is refused.
    pub(crate) fn bind(&mut self, bind: &Bind<'_>) -> bool {
        let host = HostKey::of(bind.host_key);
        let holds = self.is_possible(bind, &host) && host.signed(bind.session, bind.signature);
        if bind.forwarding && self.origin == Origin::Here {
            self.origin = if holds {
                Origin::Host(host.clone())
            } else {
                Origin::Unchecked
            };
        }
        if holds && self.of(bind.session).is_none() {
            self.bound.push(Binding {
                host,
                session: bind.session.to_vec(),
                forwarding: bind.forwarding,
            });
        }
        holds
    }

    /// Whether it contradicts nothing, whoever signed it. After the session of a
    /// login there is no other.
    fn is_possible(&self, bind: &Bind<'_>, host: &HostKey) -> bool {
        let known = self.of(bind.session);
        self.bound.iter().all(|binding| binding.forwarding)
            && known.is_none_or(|known| known.host == *host && bind.forwarding)
            && (known.is_some() || self.bound.len() < MAX_BINDINGS)
            && bind.session.len() <= MAX_SESSION
    }

    fn of(&self, session: &[u8]) -> Option<&Binding> {
        self.bound.iter().find(|bound| bound.session == session)
    }

    /// Where it comes from.
    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether nothing is known of its sessions, as with an ssh before 8.9.
    pub(crate) fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The host of a session that a login may be for.
    pub(crate) fn login(&self, session: &[u8]) -> Option<&HostKey> {
        let binding = self.of(session).filter(|binding| !binding.forwarding)?;
        Some(&binding.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_key::tests::Host;

    fn bound(
        bindings: &mut Bindings,
        host: &Host,
        session: &[u8],
        signature: &[u8],
        forwarding: bool,
    ) -> bool {
        bindings.bind(&Bind {
            host_key: &host.key,
            session,
            signature,
            forwarding,
        })
    }

    fn signed(bindings: &mut Bindings, host: &Host, session: &[u8], forwarding: bool) -> bool {
        bound(bindings, host, session, &host.signs(session), forwarding)
    }

    #[test]
    fn a_forwarding_that_cannot_be_checked_is_one_all_the_same() {
        let (hop, behind) = (Host::ed25519(), Host::ed25519());
        let mut bindings = Bindings::default();
        assert!(!bound(&mut bindings, &hop, b"hop", b"no signature", true));
        assert_eq!(bindings.origin(), &Origin::Unchecked);
        // Whatever that host says afterwards makes it no other.
        assert!(signed(&mut bindings, &behind, b"behind", true));
        assert_eq!(bindings.origin(), &Origin::Unchecked);
        assert_eq!(
            bindings.origin().host().unwrap(),
            "a host that could not be checked"
        );
    }

    #[test]
    fn the_first_forwarding_is_the_one_that_is_named() {
        let (hop, behind) = (Host::ed25519(), Host::ed25519());
        let mut bindings = Bindings::default();
        assert!(signed(&mut bindings, &hop, b"hop", true));
        assert!(signed(&mut bindings, &behind, b"behind", true));
        assert!(!bound(&mut bindings, &behind, b"more", b"", true));
        assert_eq!(bindings.origin(), &Origin::Host(HostKey::of(&hop.key)));
    }

    #[test]
    fn after_the_session_of_a_login_there_is_no_other() {
        let host = Host::ed25519();
        let mut bindings = Bindings::default();
        assert!(signed(&mut bindings, &host, b"hop", true));
        assert!(signed(&mut bindings, &host, b"login", false));
        for (session, forwarding) in [(&b"more"[..], true), (b"more", false), (b"login", false)] {
            assert!(!signed(&mut bindings, &host, session, forwarding));
        }
        assert_eq!(bindings.login(b"login"), Some(&HostKey::of(&host.key)));
        assert_eq!(bindings.login(b"hop"), None, "no login from here");
        assert_eq!(bindings.login(b"more"), None);
    }

    #[test]
    fn a_session_has_one_host_and_what_is_said_twice_counts_once() {
        let (host, other) = (Host::ed25519(), Host::ed25519());
        let mut bindings = Bindings::default();
        for _ in 0..=MAX_BINDINGS {
            assert!(signed(&mut bindings, &host, b"session", true));
        }
        assert!(!signed(&mut bindings, &other, b"session", true));
        assert!(!signed(&mut bindings, &host, b"session", false));
        assert!(!signed(&mut bindings, &host, &[1; MAX_SESSION + 1], true));
        for more in 1..MAX_BINDINGS as u8 {
            assert!(signed(&mut bindings, &host, &[more], true));
        }
        assert!(!signed(&mut bindings, &host, b"one more", true));
    }

    #[test]
    fn a_login_on_this_machine_is_from_here() {
        let host = Host::ed25519();
        for signature in [host.signs(b"session"), Vec::new()] {
            let mut bindings = Bindings::default();
            bound(&mut bindings, &host, b"session", &signature, false);
            assert_eq!(bindings.origin(), &Origin::Here);
        }
    }
}
