//! When a certificate should be renewed (RFC 9773).

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A renewalInfo object (RFC 9773 §4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewalInfo {
    /// When the server suggests to renew.
    pub suggested_window: SuggestedWindow,
    /// A page that says why.
    #[serde(
        default,
        rename = "explanationURL",
        skip_serializing_if = "Option::is_none"
    )]
    pub explanation_url: Option<String>,
}

/// A client renews at a random time within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestedWindow {
    /// Its start.
    pub start: Timestamp,
    /// Its end, after the start.
    pub end: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_rfc_9773_4_2() {
        let info: RenewalInfo = serde_json::from_str(
            r#"{
                "suggestedWindow": {
                    "start": "2025-01-02T04:00:00Z",
                    "end": "2025-01-03T04:00:00Z"
                },
                "explanationURL": "https://acme.example.com/docs/ari"
            }"#,
        )
        .unwrap();
        let window = &info.suggested_window;
        assert_eq!(
            window.end.epoch_seconds() - window.start.epoch_seconds(),
            86_400
        );
        let again: RenewalInfo =
            serde_json::from_str(&serde_json::to_string(&info).unwrap()).unwrap();
        assert_eq!(again, info);
    }
}
