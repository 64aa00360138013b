//! Bytes in JSON: base64url without padding, and nothing else.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&Base64UrlUnpadded::encode_string(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    Base64UrlUnpadded::decode_vec(&text).map_err(|_| D::Error::custom("not base64url"))
}

/// The same for several.
pub(crate) mod list {
    use super::{Base64UrlUnpadded, Deserialize, Deserializer, Encoding, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(all: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            all.iter()
                .map(|bytes| Base64UrlUnpadded::encode_string(bytes)),
        )
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| {
                Base64UrlUnpadded::decode_vec(text).map_err(|_| D::Error::custom("not base64url"))
            })
            .collect()
    }
}
