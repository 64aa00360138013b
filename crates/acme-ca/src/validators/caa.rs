//! CAA (RFC 8659): whether the DNS lets this CA issue for a name. Profiles that say whose name
//! the CA has there (`caa` in the settings) want that asked before each issuance.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::resolver::Resolver;
use super::{Phase, SetupError, ValidatorError, duration};
use crate::config::{Config, Seconds};
use crate::names::ServerName;

mod record;

pub use record::{Application, Forbids, Property};

/// The names of one order may together take as long as so many validations.
const VALIDATIONS: i64 = 3;

/// What asks the DNS for CAA records.
#[derive(Debug)]
pub struct Caa {
    /// None where no profile wants it.
    resolver: Option<Resolver>,
    limit: Seconds,
}

/// Whose records forbid, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CAA of {at}: {why}")]
pub struct CaaRefusal {
    /// Where the records are: the name, or one above it.
    pub at: String,
    /// Why they forbid.
    pub why: Forbids,
}

impl Caa {
    /// As the settings have it.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(config: &Config) -> Result<Self, SetupError> {
        let limit = config.validation.timeout;
        // A site that does not want it need not have a resolver.
        let resolver = (!config.caa_identities().is_empty())
            .then(|| Resolver::new(&config.validation.resolvers, duration(limit) / 4))
            .transpose()
            .map_err(|error| SetupError::Resolver(error.to_string()))?;
        Ok(Self { resolver, limit })
    }

    /// For the names of one order: whatever several of them need is looked up once, and all of
    /// them have until three times the time of one validation from now.
    #[must_use]
    pub fn lookups(&self) -> Lookups<'_> {
        let whole = Seconds(self.limit.0.saturating_mul(VALIDATIONS));
        Lookups {
            caa: self,
            whole,
            until: Instant::now() + duration(whole),
            seen: HashMap::new(),
        }
    }
}

/// What was looked up for one order.
#[derive(Debug)]
pub struct Lookups<'a> {
    caa: &'a Caa,
    whole: Seconds,
    until: Instant,
    seen: HashMap<String, Arc<[Property]>>,
}

impl Lookups<'_> {
    /// Whether the DNS lets a name be certified; an address always, since CAA is about names.
    ///
    /// # Errors
    /// The DNS does not say it within the time of one validation, or what is left of the time for
    /// all names: then nothing is issued (RFC 8659 §3).
    pub async fn judge(
        &mut self,
        name: &ServerName,
        application: Application<'_>,
    ) -> Result<Option<CaaRefusal>, ValidatorError> {
        let ServerName::Dns { base, wildcard } = name else {
            return Ok(None);
        };
        let left = self.until.saturating_duration_since(Instant::now());
        let (patience, limit) = match duration(self.caa.limit) {
            one if one < left => (one, self.caa.limit),
            _ => (left, self.whole),
        };
        let (at, records) = timeout(patience, self.relevant(base)).await.unwrap_or(Err(
            ValidatorError::Timeout {
                phase: Phase::Lookup,
                limit,
            },
        ))?;
        let judged = record::judge(&records, *wildcard, application);
        Ok(judged.err().map(|why| CaaRefusal { at, why }))
    }

    /// The records that count (RFC 8659 §3): those of the name, or of the nearest name above
    /// that has any.
    async fn relevant(&mut self, name: &str) -> Result<(String, Arc<[Property]>), ValidatorError> {
        let mut at = name;
        loop {
            let records = self.records(at).await?;
            match at.split_once('.') {
                Some((_, above)) if records.is_empty() => at = above,
                _ => return Ok((at.to_owned(), records)),
            }
        }
    }

    async fn records(&mut self, name: &str) -> Result<Arc<[Property]>, ValidatorError> {
        if let Some(seen) = self.seen.get(name) {
            return Ok(Arc::clone(seen));
        }
        let resolver = self.caa.resolver.as_ref();
        let resolver = resolver.ok_or_else(|| ValidatorError::Lookup {
            name: name.to_owned(),
            reason: "no profile wants CAA".to_owned(),
        })?;
        let records: Arc<[Property]> = resolver.caa(name).await?.into();
        self.seen.insert(name.to_owned(), Arc::clone(&records));
        Ok(records)
    }
}
