//! The way to a signature: linted bytes, then an intent on record, then one signature.

use super::{IssueError, Issued};
use crate::audit::Decision;
use crate::signer::Signer;
use crate::store::orders::Swap;
use crate::store::{Intent, Store, StoreError};

/// Bytes that passed their lint. Only [`super::lint`] and [`super::ssh`] make one.
#[derive(Debug)]
pub(super) struct Linted {
    pub(super) tbs: Vec<u8>,
}

/// Makes what the client gets out of what was signed and its signature.
type Assemble<'a> = Box<dyn FnOnce(&[u8], &[u8]) -> Result<Vec<u8>, IssueError> + Send + 'a>;

/// A certificate that passed its lint, and what goes on record with it. Nothing is recorded yet.
#[must_use]
pub(crate) struct Draft<'a> {
    intent: Intent,
    permit: Permit<'a>,
}

/// The right to one signature over recorded bytes. Signing uses it up.
#[must_use]
pub(crate) struct Permit<'a> {
    id: String,
    serial: String,
    tbs: Vec<u8>,
    at: i64,
    not_after: i64,
    decision: Decision,
    signer: &'a dyn Signer,
    media_type: &'static str,
    assemble: Assemble<'a>,
}

impl Linted {
    /// What is to be recorded before it is signed, and with it afterwards; `assemble` makes what
    /// the client gets.
    pub(super) fn draft<'a>(
        self,
        intent: impl FnOnce(Vec<u8>) -> Intent,
        decision: Decision,
        signer: &'a dyn Signer,
        media_type: &'static str,
        assemble: impl FnOnce(&[u8], &[u8]) -> Result<Vec<u8>, IssueError> + Send + 'a,
    ) -> Draft<'a> {
        let intent = intent(self.tbs);
        Draft {
            permit: Permit {
                id: intent.id.clone(),
                serial: intent.serial.clone(),
                tbs: intent.tbs.clone(),
                at: intent.at,
                not_after: intent.not_after,
                decision,
                signer,
                media_type,
                assemble: Box::new(assemble),
            },
            intent,
        }
    }
}

impl<'a> Draft<'a> {
    /// Records what is about to be signed; durable when this returns.
    pub(crate) async fn intend(self, store: &dyn Store) -> Result<Permit<'a>, StoreError> {
        store.intend(self.intent).await?;
        Ok(self.permit)
    }

    /// The same for an order that is still ready: takes it into processing, with the CSR that
    /// came, in the same write. The order stays there when what is to be signed is refused.
    pub(crate) async fn begin(
        self,
        store: &dyn Store,
        csr: Vec<u8>,
    ) -> Result<(Swap, Result<Permit<'a>, StoreError>), StoreError> {
        let (swap, intended) = store.begin_with(csr, self.intent).await?;
        Ok((swap, intended.map(|()| self.permit)))
    }
}

impl Permit<'_> {
    /// Signs, and records what came of it with the decision.
    pub(crate) async fn sign(self, store: &dyn Store) -> Result<Issued, IssueError> {
        let signature = self.signer.sign(&self.tbs)?;
        let body = (self.assemble)(&self.tbs, &signature)?;
        store
            .issued(&self.id, body.clone(), self.at, self.decision)
            .await?;
        Ok(Issued {
            id: self.id,
            body,
            media_type: self.media_type,
            serial: self.serial,
            not_after: self.not_after,
        })
    }
}
