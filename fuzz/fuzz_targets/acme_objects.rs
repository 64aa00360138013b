//! What a server sends and a client reads (RFC 8555 §7.1): directory, account, order,
//! authorization, challenge, problem document. What is read is written again the same way.
#![no_main]

use std::fmt::Debug;

use acme_wire::account::{Account, OrdersList};
use acme_wire::order::{Authorization, Challenge, Order};
use acme_wire::{Directory, Problem};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: DeserializeOwned + Serialize>(read: &T) -> T {
    let written = serde_json::to_vec(read).expect("it was read");
    serde_json::from_slice(&written).expect("our own JSON")
}

fn survives<T: DeserializeOwned + Serialize + PartialEq + Debug>(body: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(body).ok()?;
    assert_eq!(again(&read), read);
    Some(read)
}

/// Members that we do not know may be numbers that no `f64` holds; ours must stay.
fn challenge_survives(mut read: Challenge) {
    let mut again = again(&read);
    read.more.clear();
    again.more.clear();
    assert_eq!(again, read);
}

fuzz_target!(|body: &[u8]| {
    survives::<Directory>(body);
    survives::<Account>(body);
    survives::<OrdersList>(body);
    if let Some(problem) = survives::<Problem>(body) {
        // It is shown to people, and its type decides what a client does next.
        let _ = problem.to_string();
        assert!((400..=500).contains(&problem.kind.status()));
        assert_eq!(
            acme_wire::ProblemType::from_uri(&problem.kind.uri()),
            problem.kind
        );
    }
    if let Some(order) = survives::<Order>(body)
        && let Some(error) = &order.error
    {
        let _ = error.to_string();
    }
    if let Ok(challenge) = serde_json::from_slice::<Challenge>(body) {
        challenge_survives(challenge);
    }
    if let Ok(authorization) = serde_json::from_slice::<Authorization>(body) {
        for challenge in authorization.challenges {
            challenge_survives(challenge);
        }
    }
});
