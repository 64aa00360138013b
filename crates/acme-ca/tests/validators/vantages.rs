//! Several places to look from: every one must agree, and the CA's own is asked first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acme_ca::validators::{Method, Subject, Target, ValidatorError, Validators, Vantage};
use async_trait::async_trait;

use crate::server::{Server, ok};
use crate::world::{World, key_authorization, target};

/// Elsewhere in the network, where the name leads somewhere else, or not.
#[derive(Debug)]
struct Elsewhere {
    asked: Arc<AtomicUsize>,
    agrees: bool,
}

#[async_trait]
impl Vantage for Elsewhere {
    async fn validate(&self, _: Method, target: &Target) -> Result<(), ValidatorError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match (self.agrees, &target.subject) {
            (false, Subject::Dns(name)) => Err(ValidatorError::NoSuchName { name: name.clone() }),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn every_place_must_agree() {
    let server = Server::start(|_| ok(&key_authorization())).await;
    let mut world = World::new();
    world.settings.http_port = server.at.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let from = |places: &[bool]| {
        let here = Validators::new(&world.settings).unwrap();
        places.iter().fold(here, |validators, agrees| {
            validators.with(Box::new(Elsewhere {
                asked: Arc::clone(&asked),
                agrees: *agrees,
            }))
        })
    };
    let a_test = target(Subject::Dns("a.test".to_owned()));
    let agreed = from(&[true, true]).validate(Method::Http01, &a_test).await;
    assert_eq!(agreed, Ok(()));
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);

    let error = from(&[true, false]).validate(Method::Http01, &a_test).await;
    assert!(matches!(error, Err(ValidatorError::NoSuchName { .. })));
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);

    // What the CA itself does not see is asked of nobody else.
    let missing = target(Subject::Dns("missing.test".to_owned()));
    let error = from(&[true, true]).validate(Method::Http01, &missing).await;
    assert!(error.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
