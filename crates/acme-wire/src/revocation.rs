//! Revoking a certificate (RFC 8555 §7.6).

use serde::{Deserialize, Serialize};

/// The payload of a revokeCert request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeCert {
    /// The certificate: base64url of its DER, or, for an OpenSSH certificate (an extension of
    /// this project), of what its line has in base64.
    pub certificate: String,
    /// Why, as a number of RFC 5280 §5.3.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_rfc_8555_7_6() {
        let request: RevokeCert =
            serde_json::from_str(r#"{"certificate":"MIIEDTCCAvegAwIBAgIRAP8","reason":4}"#)
                .unwrap();
        assert_eq!(request.reason, Some(4));
        let bare: RevokeCert = serde_json::from_str(r#"{"certificate":""}"#).unwrap();
        assert_eq!(bare.reason, None);
        assert!(serde_json::from_str::<RevokeCert>(r#"{"reason":4}"#).is_err());
    }
}
