//! dns-01 (RFC 8555 §8.4): a TXT record holds the digest of the key authorization.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::error::excerpt;
use super::network::Network;
use super::{Method, Subject, Target, ValidatorError};

/// More records than this are not told to the client.
const TOLD: usize = 3;

pub(super) async fn check(network: &Network, target: &Target) -> Result<(), ValidatorError> {
    let (Subject::Dns(name) | Subject::Wildcard(name)) = &target.subject else {
        return Err(ValidatorError::NotFor {
            method: Method::Dns01,
            subject: target.subject.clone(),
        });
    };
    let name = format!("_acme-challenge.{name}");
    let digest = Sha256::digest(target.key_authorization());
    let expected = Base64UrlUnpadded::encode_string(&digest);
    let records = network.txt(&name).await?;
    // Several orders for one name put several records there; one of them must be ours.
    if records.iter().any(|record| record == expected.as_bytes()) {
        return Ok(());
    }
    let found = records
        .iter()
        .take(TOLD)
        .map(|text| excerpt(text))
        .collect();
    Err(ValidatorError::Txt {
        name,
        expected,
        found,
    })
}
