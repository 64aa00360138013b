//! Orders of people: one identifier, one authorization, one challenge.

use acme_wire::order::{Identifier, IdentifierType};
use acme_yubikey::ChallengeValue;

use crate::config::KeyChallenge;
use crate::orders::{AuthorizationStatus, ChallengeStatus};
use crate::store::orders::{Authorization, Challenge, Part};
use crate::web::problem::Error;
use crate::web::{Web, random};

pub(super) fn authorization(
    web: &Web,
    order: &str,
    kind: KeyChallenge,
    identifiers: &[Identifier],
    now: i64,
) -> Result<Authorization, Error> {
    let [identifier] = identifiers else {
        return Err(Error::IdentifierCount {
            found: identifiers.len(),
        });
    };
    let value = check_identifier(identifier)?;
    let lifetimes = web.ca.config().lifetimes;
    let part = Part {
        order,
        authorization: 0,
        challenge: None,
    };
    let challenge = Challenge {
        id: Part {
            challenge: Some(0),
            ..part
        }
        .id(),
        kind: kind.as_str().to_owned(),
        token: match kind {
            KeyChallenge::Yubikey(kind) => ChallengeValue::new(kind, random()?).to_token(),
            // 256 bits, where RFC 8555 §8 wants 128.
            KeyChallenge::DeviceAttest => acme_wire::base64url::encode(&random::<32>()?),
        },
        status: ChallengeStatus::Pending,
        decided: None,
        problem: None,
    };
    Ok(Authorization {
        id: part.id(),
        kind: identifier.kind.as_str().to_owned(),
        value,
        wildcard: false,
        status: AuthorizationStatus::Pending,
        expires: now.saturating_add(lifetimes.challenge.0.min(lifetimes.order.0)),
        challenges: vec![challenge],
    })
}

/// The value of an identifier that a yubikey order may have, in the form in which it is stored.
fn check_identifier(identifier: &Identifier) -> Result<String, Error> {
    let value = identifier.value.as_str();
    let refuse = |kind, reason| {
        Err(Error::IdentifierValue {
            kind,
            value: value.chars().take(80).collect(),
            reason,
        })
    };
    match &identifier.kind {
        IdentifierType::PermanentIdentifier => {
            const KIND: &str = "permanent-identifier";
            if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return refuse(KIND, "write the YubiKey's serial number in decimal");
            }
            if value.len() > 1 && value.starts_with('0') {
                return refuse(KIND, "a serial number has no leading zeros");
            }
            if value.parse::<u64>().is_err() {
                return refuse(KIND, "the serial number is too large");
            }
            Ok(value.to_owned())
        }
        IdentifierType::Dns if crate::config::is_dns_name(value) => Ok(value.to_ascii_lowercase()),
        IdentifierType::Dns => refuse("dns", "it is no host name, or a wildcard"),
        other => Err(Error::IdentifierType {
            kind: other.as_str().chars().take(64).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_decimal_without_leading_zeros() {
        let check = |value: &str| check_identifier(&Identifier::permanent(value));
        for good in ["0", "1", "12345678", "18446744073709551615"] {
            assert_eq!(check(good).unwrap(), good);
        }
        for bad in [
            "",
            "01",
            "00",
            "+1",
            "-1",
            " 1",
            "0x10",
            "1e3",
            "١",
            "18446744073709551616",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_host_names_without_wildcards() {
        let check = |value: &str| check_identifier(&Identifier::dns(value));
        assert_eq!(check("Alice.Example").unwrap(), "alice.example");
        for bad in ["", "*.example", "a b", "127.0.0.1", "a..b", "-a"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_types_are_unsupported() {
        let other = Identifier {
            kind: IdentifierType::Ip,
            value: "127.0.0.1".into(),
        };
        assert!(matches!(
            check_identifier(&other),
            Err(Error::IdentifierType { .. })
        ));
    }
}
