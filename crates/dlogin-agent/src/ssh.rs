//! The OpenSSH agent protocol, spoken with one client.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dlogin_service::{Peer, Refusal};
use piv_attest::KeyAlgorithm;

use crate::announce::About;
use crate::bindings::Bindings;
use crate::connection::{Client, Shared};
use crate::content::{Content, answers_a_ca, printable};
use crate::host_key::HostKey;
use crate::identities::{Held, listed};
use crate::message::{self, Request, Response};
use crate::queue::{Wanted, What, deadline};
use crate::signature::{RsaHash, to_ssh};

/// How long a login waits for PIN and touch: sshd's own LoginGraceTime.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers until the other side closes.
pub(crate) fn converse(shared: &Shared, client: Client) {
    let mut conversation = Conversation {
        shared,
        client,
        bindings: Bindings::default(),
        upstream: None,
    };
    while let Ok(Some(message)) = message::read(&mut conversation.client.stream) {
        let answer = conversation.answer(&message).encode();
        if message::write(&mut conversation.client.stream, &answer).is_err() {
            return;
        }
    }
}

struct Conversation<'a> {
    shared: &'a Shared,
    client: Client,
    bindings: Bindings,
    /// The other agent, once it was needed.
    upstream: Option<UnixStream>,
}

impl Conversation<'_> {
    fn answer(&mut self, message: &[u8]) -> Response {
        let Ok(request) = Request::parse(message) else {
            return Response::Failure;
        };
        let done = |yes: bool| {
            if yes {
                Response::Success
            } else {
                Response::Failure
            }
        };
        match request {
            Request::Lock(secret) => {
                let locked = self.shared.lock.lock(&secret);
                if locked {
                    self.shared.queue.forget();
                }
                done(locked)
            }
            Request::Unlock(secret) => done(self.shared.lock.unlock(&secret)),
            Request::Query => Response::Extensions(vec!["query", "session-bind@openssh.com"]),
            Request::SessionBind(bind) => {
                // The other agent has its own view of it.
                let _ = self.forward(message);
                if self.bindings.bind(&bind) {
                    Response::Success
                } else {
                    Response::ExtensionFailure
                }
            }
            // As OpenSSH's: a locked agent has no keys, and that is no error.
            _ if self.shared.lock.is_locked() => match request {
                Request::Identities => Response::Identities(Vec::new()),
                _ => Response::Failure,
            },
            Request::Identities => self.identities(message),
            Request::Sign { key, data, flags } => self.sign(message, key, data, flags),
            Request::OtherExtension | Request::Other => self.forwarded(message),
        }
    }

    fn identities(&mut self, message: &[u8]) -> Response {
        let mut all = match self.refused_host() {
            Some(_) => Vec::new(),
            None => listed(&self.shared.live().unwrap_or_default()),
        };
        if let Some(answer) = self.forward(message) {
            all.extend(message::listed(&answer).unwrap_or_default());
        }
        Response::Identities(all)
    }

    fn sign(&mut self, message: &[u8], key: &[u8], data: &[u8], flags: u32) -> Response {
        let held = self
            .shared
            .live()
            .unwrap_or_default()
            .into_iter()
            .find(|held| held.is_named_by(key));
        let Some(held) = held else {
            return self.forwarded(message);
        };
        match self.wanted(held, data, flags) {
            Ok((kind, hash, wanted)) => self
                .shared
                .queue
                .sign(wanted)
                .ok()
                .and_then(|signature| to_ssh(kind, hash, &signature).ok())
                .map_or(Response::Failure, Response::Signature),
            Err(refusal) => {
                let about = About::new(in_words(data), &self.client.peer);
                self.client.tell(&self.shared.queue, about, refusal);
                Response::Failure
            }
        }
    }

    /// What to sign, if it may be signed.
    fn wanted(
        &self,
        held: Held,
        data: &[u8],
        flags: u32,
    ) -> Result<(KeyAlgorithm, Option<RsaHash>, Wanted), Refusal> {
        if answers_a_ca(data) {
            return Err(Refusal::Forbidden);
        }
        if let Some(host) = self.refused_host() {
            return Err(Refusal::Failed(format!(
                "asked from {host}, and --local-only refuses what is forwarded"
            )));
        }
        let what = self.describe(&held, data)?;
        let kind = held.kind;
        let hash = if kind.is_rsa() {
            Some(RsaHash::from_flags(flags).ok_or(Refusal::Unsupported)?)
        } else {
            None
        };
        let wanted = Wanted {
            key: held.key,
            what: match hash {
                Some(RsaHash::Sha512) => What::Sha512(data.to_vec()),
                _ => What::Message(data.to_vec()),
            },
            about: About::new(what, &self.client.peer),
            deadline: deadline(PATIENCE),
            alive: self.client.alive(),
        };
        Ok((kind, hash, wanted))
    }

    /// The host that this connection comes from by forwarding, in words, where
    /// nothing is to be signed for one.
    fn refused_host(&self) -> Option<String> {
        let host = self.bindings.origin().host();
        host.filter(|_| self.shared.local_only)
    }

    /// What is signed, in words. A login whose session is not one that this
    /// connection was bound to, or for another key than is asked, is refused.
    fn describe(&self, held: &Held, data: &[u8]) -> Result<String, Refusal> {
        let host = self.bindings.origin().host();
        let through = host
            .map(|host| format!(", asked from {host}"))
            .unwrap_or_default();
        let content = Content::of(data);
        if let Content::Login {
            session,
            user,
            key: named,
            host_key,
        } = content
        {
            if !held.is_named_by(named) {
                return Err(Refusal::Failed(
                    "the login names another key than the one that is to sign".to_owned(),
                ));
            }
            let bound = self.bindings.login(session);
            let contradicted = host_key
                .zip(bound)
                .is_some_and(|(says, bound)| HostKey::of(says) != *bound);
            if contradicted || (bound.is_none() && !self.bindings.is_empty()) {
                return Err(Refusal::Failed(
                    "the login is for another session than this connection".to_owned(),
                ));
            }
            if let Some(host) = bound {
                let (user, host) = (printable(user), host.fingerprint());
                return Ok(format!("SSH login as {user} to host {host}{through}"));
            }
        }
        Ok(format!("{}{through}", in_words(data)))
    }

    fn forwarded(&mut self, message: &[u8]) -> Response {
        self.forward(message)
            .map_or(Response::Failure, Response::Forwarded)
    }

    /// The other agent's answer, if there is another agent and it answers.
    fn forward(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let place = self.shared.forward.as_deref()?;
        let upstream = match self.upstream.take() {
            Some(upstream) => Ok(upstream),
            None => connect(place),
        };
        match upstream.and_then(|upstream| exchange(upstream, message)) {
            Ok((upstream, answer)) => {
                self.upstream = Some(upstream);
                Some(answer)
            }
            Err(error) => {
                tracing::info!(%error, agent = %place.display(), "the other agent does not answer");
                None
            }
        }
    }
}

/// What was asked for, as far as the message tells.
fn in_words(data: &[u8]) -> String {
    Content::of(data)
        .words()
        .unwrap_or_else(|| format!("{} bytes of no known kind", data.len()))
}

fn connect(place: &Path) -> io::Result<UnixStream> {
    let upstream = UnixStream::connect(place)?;
    Peer::of(&upstream).map_err(io::Error::other)?;
    // It may have a person to ask.
    upstream.set_read_timeout(Some(PATIENCE))?;
    upstream.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(upstream)
}

fn exchange(mut upstream: UnixStream, message: &[u8]) -> io::Result<(UnixStream, Vec<u8>)> {
    message::write(&mut upstream, message)?;
    let answer = message::read(&mut upstream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((upstream, answer.to_vec()))
}
