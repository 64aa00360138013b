//! One message and one touch for each key: all challenges of a type are
//! answered by one signature.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use acme_yubikey::message::MAX_ENTRIES;
use acme_yubikey::{Ask, ChallengeType, Entry, Message, Response};
use piv_token::{Attestation, ToSign, TouchNeed, TouchPrompt};
use sha2::{Digest, Sha256};

use super::keys::Keys;
use super::order::{OrderError, Outcome, Placed};
use super::{AboutToSign, Person, Show, ToCertify};
use crate::disk_key::DiskKey;
use crate::pin::{PinEntry, PinError};
use crate::{Error, clock};

/// An order, and the answer to its challenge.
pub(super) struct Answered {
    pub(super) placed: Placed,
    pub(super) response: Response,
    /// SubjectPublicKeyInfo to be certified, DER.
    pub(super) spki: Vec<u8>,
    /// With yubikey-02.
    pub(super) disk_key: Option<DiskKey>,
}

/// What came of the signing.
pub(super) struct Signed {
    pub(super) person: Person,
    pub(super) orders: Vec<Answered>,
    pub(super) failed: Vec<Outcome<()>>,
    /// Time that the card took, touches included.
    pub(super) card: Duration,
    /// Time that the person took to type.
    pub(super) waiting: Duration,
}

/// Orders that one message answers, with the key of each.
struct Group {
    kind: ChallengeType,
    key: Attestation,
    orders: Vec<(Placed, Option<DiskKey>)>,
}

/// Signs for all of them. A failure costs its own group and those after it:
/// where a person did not touch, there is no use in asking again.
///
/// # Errors
/// Where nothing could be signed at all.
pub(super) async fn sign_all(
    ca: String,
    thumbprint: [u8; 32],
    keys: Keys,
    person: Person,
    placed: Vec<Placed>,
) -> Result<Signed, Error> {
    let groups = groups(&keys, placed)?;
    // The card blocks its thread; Ctrl-C is heard on another.
    tokio::task::spawn_blocking(move || sign_groups(&ca, thumbprint, keys, person, groups))
        .await
        .map_err(|_| Error::Broken)?
}

fn groups(keys: &Keys, placed: Vec<Placed>) -> Result<Vec<Group>, Error> {
    let mut groups: Vec<Group> = Vec::new();
    let mut placed = placed;
    placed.sort_by_key(|order| order.kind);
    for order in placed {
        let disk_key = match order.kind {
            ChallengeType::Yubikey01 => None,
            ChallengeType::Yubikey02 => Some(DiskKey::generate()?),
        };
        match groups.last_mut() {
            Some(group) if group.kind == order.kind && group.orders.len() < MAX_ENTRIES => {
                group.orders.push((order, disk_key));
            }
            _ => groups.push(Group {
                kind: order.kind,
                key: keys.of(order.kind).clone()?,
                orders: vec![(order, disk_key)],
            }),
        }
    }
    Ok(groups)
}

fn sign_groups(
    ca: &str,
    thumbprint: [u8; 32],
    mut keys: Keys,
    person: Person,
    groups: Vec<Group>,
) -> Result<Signed, Error> {
    let serial = keys.serial();
    let Person { mut ask, show } = person;
    let show = Arc::new(Mutex::new(show));
    let mut pin = PinEntry::new(&mut *ask);
    let begin = Instant::now();
    let mut card = Duration::ZERO;
    let mut orders = Vec::new();
    let mut failed = Vec::new();
    let mut broken: Option<Arc<PinError>> = None;
    for group in groups {
        let profiles: Vec<_> = group
            .orders
            .iter()
            .map(|(o, _)| o.profile.clone())
            .collect();
        if let Some(error) = &broken {
            failed.extend(
                profiles
                    .into_iter()
                    .map(|p| (p, Err(Arc::clone(error).into()))),
            );
            continue;
        }
        shown(&show).about_to_sign(&about(ca, serial.as_deref(), &group));
        match sign_group(thumbprint, &mut keys, &mut pin, &show, group, &mut card) {
            Ok(answered) => orders.extend(answered),
            Err(GroupError::Card(error)) => {
                let error = Arc::new(error);
                failed.extend(
                    profiles
                        .into_iter()
                        .map(|p| (p, Err(Arc::clone(&error).into()))),
                );
                broken = Some(error);
            }
            Err(GroupError::Build(error)) => return Err(Error::Order(Box::new(error))),
        }
    }
    drop(pin);
    if let (Some(error), true) = (broken, orders.is_empty()) {
        // All that failed hold the same error; let go of theirs to own it.
        drop(failed);
        return Err(match Arc::into_inner(error) {
            Some(error) => Error::Pin(error),
            None => Error::Broken,
        });
    }
    let show = Arc::into_inner(show)
        .ok_or(Error::Broken)?
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Signed {
        person: Person { ask, show },
        orders,
        failed,
        card,
        waiting: begin.elapsed().saturating_sub(card),
    })
}

enum GroupError {
    Card(PinError),
    Build(OrderError),
}

impl<E: Into<OrderError>> From<E> for GroupError {
    fn from(error: E) -> Self {
        Self::Build(error.into())
    }
}

type Shown = Arc<Mutex<Box<dyn Show + Send>>>;

fn shown(show: &Shown) -> std::sync::MutexGuard<'_, Box<dyn Show + Send>> {
    show.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands the card's waiting on.
struct Prompt(Shown);

impl TouchPrompt for Prompt {
    fn touch_needed(&mut self, need: TouchNeed) {
        shown(&self.0).touch_needed(need);
    }

    fn touch_over(&mut self, touched: bool) {
        shown(&self.0).touch_over(touched);
    }
}

fn sign_group(
    thumbprint: [u8; 32],
    keys: &mut Keys,
    pin: &mut PinEntry<'_>,
    show: &Shown,
    group: Group,
    card: &mut Duration,
) -> Result<Vec<Answered>, GroupError> {
    let Group { key, orders, .. } = group;
    let spki_of = |disk_key: &Option<DiskKey>| match disk_key {
        Some(disk_key) => disk_key.spki_der().to_vec(),
        None => key.public_key().spki_der().to_vec(),
    };
    let entries = orders
        .iter()
        .map(|(placed, disk_key)| Entry {
            value: placed.value,
            detail: Ask {
                order_url: placed.order.url(),
                profile: placed.profile.as_str(),
                not_after: placed.not_after,
                spki_sha256: Sha256::digest(spki_of(disk_key)).into(),
            }
            .detail(),
        })
        .collect();
    let message = Message::new(entries, thumbprint)?;

    let mut prompt = Prompt(Arc::clone(show));
    let mut sign = |token: &mut dyn piv_token::Token, pin: Option<&piv_token::Pin>| {
        let begin = Instant::now();
        let what = ToSign::Message(message.as_bytes());
        let signature = token.sign(key.slot(), pin, what, &mut prompt);
        *card += begin.elapsed();
        signature
    };
    let token = &mut *keys.token;
    let signature = if key.needs_pin() {
        pin.with(token, |token, pin| sign(token, Some(pin)))
    } else {
        sign(token, None).map_err(PinError::from)
    }
    .map_err(GroupError::Card)?;

    orders
        .into_iter()
        .map(|(placed, disk_key)| {
            let public_key = disk_key.as_ref().map(|key| key.spki_der().to_vec());
            let response = Response::new(key.chain(), &message, signature.clone(), public_key)?;
            Ok(Answered {
                spki: spki_of(&disk_key),
                placed,
                response,
                disk_key,
            })
        })
        .collect()
}

fn about(ca: &str, serial: Option<&str>, group: &Group) -> AboutToSign {
    AboutToSign {
        ca: ca.to_owned(),
        serial: serial.map(str::to_owned),
        slot: group.key.slot().to_string(),
        certify: group
            .orders
            .iter()
            .map(|(placed, disk_key)| ToCertify {
                profile: placed.profile.to_string(),
                disk: disk_key.is_some(),
                until: (placed.not_after != 0)
                    .then(|| clock::rfc3339(clock::from_unix(placed.not_after))),
            })
            .collect(),
        touch: group.key.needs_touch(),
    }
}
