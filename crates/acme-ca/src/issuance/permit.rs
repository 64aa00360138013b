//! The way to a signature: linted bytes, then an intent on record, then one signature.

use super::IssueError;
use crate::audit::Decision;
use crate::signer::Signer;
use crate::store::{Intent, Store, StoreError};

/// Bytes that passed their lint. Only [`super::lint`] and [`super::ssh`] make one.
#[derive(Debug)]
pub(super) struct Linted {
    pub(super) tbs: Vec<u8>,
}

impl Linted {
    /// Records what is about to be signed; durable when this returns.
    pub(super) async fn intend(
        self,
        store: &dyn Store,
        intent: impl FnOnce(Vec<u8>) -> Intent,
    ) -> Result<Permit, StoreError> {
        let intent = intent(self.tbs);
        let permit = Permit {
            id: intent.id.clone(),
            tbs: intent.tbs.clone(),
            at: intent.at,
        };
        store.intend(intent).await?;
        Ok(permit)
    }
}

/// The right to one signature over recorded bytes. Signing uses it up.
#[derive(Debug)]
#[must_use]
pub(super) struct Permit {
    id: String,
    tbs: Vec<u8>,
    at: i64,
}

impl Permit {
    /// Signs, and lets `assemble` make what the client gets; records that with the decision.
    pub(super) async fn sign(
        self,
        signer: &dyn Signer,
        store: &dyn Store,
        decision: Decision,
        assemble: impl FnOnce(&[u8], &[u8]) -> Result<Vec<u8>, IssueError>,
    ) -> Result<(String, Vec<u8>), IssueError> {
        let signature = signer.sign(&self.tbs)?;
        let body = assemble(&self.tbs, &signature)?;
        store
            .issued(&self.id, body.clone(), self.at, decision)
            .await?;
        Ok((self.id, body))
    }
}
