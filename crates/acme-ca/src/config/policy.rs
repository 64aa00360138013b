//! The site's policy for keys: a preset, and whatever `ca.toml` changes in it.

use std::collections::BTreeMap;

use piv_attest::Policy;
use toml::Spanned;

use super::{Fault, Located};

/// What a key must be, beyond being genuine.
#[derive(Debug, Clone)]
pub struct SitePolicy {
    /// Judged over the attestation.
    pub attestation: Policy,
    /// Whether a `login` key may answer yubikey-02 too. See `docs/operate.md` for the trade.
    pub one_key_for_both: bool,
}

/// The table `[policy]`: `preset` and `one_key_for_both`, and any field of the policy.
pub(super) fn read(
    table: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
) -> Result<SitePolicy, Located> {
    let mut attestation = Policy::default();
    if let Some(preset) = table.get("preset") {
        attestation = match preset.get_ref().as_str() {
            Some("default") => Policy::default(),
            Some("strict") => Policy::strict(),
            _ => {
                return Err(Located::new(
                    preset.span().start,
                    Fault::Preset {
                        preset: preset.get_ref().to_string(),
                    },
                ));
            }
        };
    }
    let mut one_key_for_both = false;
    for (key, value) in table {
        let setting = key.get_ref().as_str();
        let fault = |offset, error: String| {
            Located::new(
                offset,
                Fault::Policy {
                    setting: setting.to_owned(),
                    error,
                },
            )
        };
        match setting {
            "preset" => {}
            "one_key_for_both" => {
                one_key_for_both = value
                    .get_ref()
                    .as_bool()
                    .ok_or_else(|| fault(value.span().start, "write true or false".to_owned()))?;
            }
            _ => {
                attestation = with(&attestation, setting, value.get_ref())
                    .map_err(|error| fault(key.span().start, error))?;
            }
        }
    }
    Ok(SitePolicy {
        attestation,
        one_key_for_both,
    })
}

/// The policy with one field changed. Going one by one tells which field is at fault.
fn with(policy: &Policy, setting: &str, value: &toml::Value) -> Result<Policy, String> {
    let mut fields = match serde_json::to_value(policy) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => return Err("the policy has no settings".to_owned()),
    };
    let value = serde_json::to_value(value).map_err(|error| error.to_string())?;
    fields.insert(setting.to_owned(), value);
    serde_json::from_value(serde_json::Value::Object(fields)).map_err(|error| error.to_string())
}
