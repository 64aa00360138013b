//! What survives without power.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::management::ManagementKey;
use super::reference::Reference;
use super::slot::{Slot, SlotKey};
use crate::settings::ManagementKeyType;

/// PIN, PUK, management key, keys and data objects.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(super) pin: Reference,
    pub(super) puk: Reference,
    pub(super) management: ManagementKey,
    pub(super) slots: BTreeMap<Slot, SlotKey>,
    #[serde(with = "hex_objects")]
    pub(super) objects: BTreeMap<u32, Vec<u8>>,
}

impl Memory {
    /// PIN 123456, PUK 12345678, the well-known management key; no keys, no objects.
    pub(super) fn factory(management: ManagementKeyType) -> Self {
        Self {
            pin: Reference::factory_pin(),
            puk: Reference::factory_puk(),
            management: ManagementKey::factory(management),
            slots: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }
}

/// Objects as `{"5fc105": "70…"}`, so that a person can read the file.
mod hex_objects {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        objects: &BTreeMap<u32, Vec<u8>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(
            objects
                .iter()
                .map(|(id, bytes)| (format!("{id:x}"), hex::encode(bytes))),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<u32, Vec<u8>>, D::Error> {
        BTreeMap::<String, String>::deserialize(from)?
            .into_iter()
            .map(|(id, bytes)| {
                let id = u32::from_str_radix(&id, 16).map_err(D::Error::custom)?;
                Ok((id, hex::decode(bytes).map_err(D::Error::custom)?))
            })
            .collect()
    }
}
