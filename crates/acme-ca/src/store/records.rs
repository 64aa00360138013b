//! People, keys and grants in the store.

use async_trait::async_trait;
use base64ct::{Base64, Encoding};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::{Records, SqliteStore, StoreError, revocation};
use crate::audit::Decision;
use crate::records::{Grant, KeyId, KeyRecord, KeyState, KeyUse, NewKey, User, UserName};
use crate::revocation::Reason;

fn user_name(name: &str) -> Result<UserName, StoreError> {
    name.parse().map_err(|_| StoreError::Corrupt {
        column: "users.name",
    })
}

fn user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        name: user_name(row.get_ref("name")?.as_str().unwrap_or_default())?,
        added: row.get("added")?,
        disabled: row.get("disabled")?,
    })
}

fn find_user(connection: &Connection, name: &str) -> Result<Option<User>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM users WHERE name = ?1")?
        .query_row([name], |row| Ok(user(row)))
        .optional()?
        .transpose()
}

fn state(name: &str, since: i64) -> Result<KeyState, StoreError> {
    match name {
        "active" => Ok(KeyState::Active),
        "retired" => Ok(KeyState::Retired { since }),
        "revoked" => Ok(KeyState::Revoked { since }),
        _ => Err(StoreError::Corrupt {
            column: "keys.state",
        }),
    }
}

/// The record without its grants.
fn bare_key(row: &Row<'_>) -> Result<KeyRecord, StoreError> {
    let chain: Vec<String> =
        serde_json::from_str(row.get_ref("chain")?.as_str().unwrap_or_default()).map_err(|_| {
            StoreError::Corrupt {
                column: "keys.chain",
            }
        })?;
    Ok(KeyRecord {
        id: KeyId(row.get("id")?),
        user: user_name(row.get_ref("user")?.as_str().unwrap_or_default())?,
        usage: row
            .get_ref("use")?
            .as_str()
            .unwrap_or_default()
            .parse::<KeyUse>()
            .map_err(|_| StoreError::Corrupt { column: "keys.use" })?,
        state: state(
            row.get_ref("state")?.as_str().unwrap_or_default(),
            row.get("state_since")?,
        )?,
        attested: serde_json::from_str(row.get_ref("attested")?.as_str().unwrap_or_default())
            .map_err(|_| StoreError::Corrupt {
                column: "keys.attested",
            })?,
        spki_sha256: row.get("spki_sha256")?,
        chain: chain
            .iter()
            .map(|der| Base64::decode_vec(der))
            .collect::<Result<_, _>>()
            .map_err(|_| StoreError::Corrupt {
                column: "keys.chain",
            })?,
        grants: Vec::new(),
        added: row.get("added")?,
    })
}

fn with_grants(connection: &Connection, mut key: KeyRecord) -> Result<KeyRecord, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT profile, name FROM grants WHERE key = ?1 ORDER BY profile, position",
    )?;
    let mut rows = statement.query([key.id.0])?;
    while let Some(row) = rows.next()? {
        let profile: String = row.get(0)?;
        let name: String = row.get(1)?;
        match key.grants.last_mut() {
            Some(grant) if grant.profile == profile => grant.names.push(name),
            _ => key.grants.push(Grant {
                profile,
                names: vec![name],
            }),
        }
    }
    Ok(key)
}

fn find_key(connection: &Connection, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM keys WHERE id = ?1")?
        .query_row([id.0], |row| Ok(bare_key(row)))
        .optional()?
        .transpose()?
        .map(|key| with_grants(connection, key))
        .transpose()
}

/// SQLite's refusal of a second row, as ours.
fn exists(error: rusqlite::Error, what: impl FnOnce() -> String) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Exists { what: what() },
        _ => StoreError::Sqlite(error),
    }
}

fn insert_key(connection: &Connection, key: &NewKey) -> Result<KeyId, StoreError> {
    let attested = serde_json::to_string(&key.attested).map_err(|_| StoreError::Corrupt {
        column: "keys.attested",
    })?;
    let chain: Vec<String> = key
        .chain
        .iter()
        .map(|der| Base64::encode_string(der))
        .collect();
    let chain = serde_json::to_string(&chain).map_err(|_| StoreError::Corrupt {
        column: "keys.chain",
    })?;
    let known = connection
        .prepare_cached("SELECT 1 FROM compromised_keys WHERE spki_sha256 = ?1")?
        .exists([key.spki_sha256])?;
    if known {
        return Err(StoreError::Conflict {
            what: "others may know this key, as a revocation says: make another one".into(),
        });
    }
    connection
        .prepare_cached(
            "INSERT INTO keys (user, use, state, state_since, spki_sha256, spki, attested,
               chain, added)
             VALUES (?1, ?2, 'active', ?7, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            key.user.as_str(),
            key.usage.as_str(),
            key.spki_sha256,
            key.spki,
            attested,
            chain,
            key.added,
        ])
        .map_err(|error| {
            exists(error, || {
                "a record of this public key (a public key belongs to one user, and is recorded \
                 once)"
                    .into()
            })
        })?;
    let id = KeyId(connection.last_insert_rowid());
    for grant in &key.grants {
        for (position, name) in grant.names.iter().enumerate() {
            connection
                .prepare_cached(
                    "INSERT INTO grants (key, profile, position, name) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    id.0,
                    grant.profile,
                    i64::try_from(position).unwrap_or(i64::MAX),
                    name
                ])?;
        }
    }
    Ok(id)
}

fn name_holders(
    connection: &Connection,
    name: &str,
) -> Result<Vec<(UserName, String)>, StoreError> {
    connection
        .prepare_cached(
            "SELECT DISTINCT keys.user, grants.profile FROM grants
             JOIN keys ON keys.id = grants.key
             WHERE grants.name = ?1 COLLATE NOCASE",
        )?
        .query_and_then([name], |row| {
            Ok((
                user_name(row.get_ref(0)?.as_str().unwrap_or_default())?,
                row.get(1)?,
            ))
        })?
        .collect()
}

/// Enrolment looked before; another `ca key add` may have come between. The key's own names are
/// among what is found.
fn names_are_free(connection: &Connection, key: &NewKey) -> Result<(), StoreError> {
    for grant in &key.grants {
        for name in &grant.names {
            let holders = name_holders(connection, name)?;
            let clashes = key.tls.clashes(&key.user, &grant.profile, name, &holders);
            if let Some(clash) = clashes.first() {
                return Err(StoreError::Conflict {
                    what: clash.to_string(),
                });
            }
        }
    }
    Ok(())
}

fn missing_user(name: &UserName) -> StoreError {
    StoreError::Missing {
        what: format!("user {name}"),
    }
}

fn missing_key(id: KeyId) -> StoreError {
    StoreError::Missing {
        what: format!("key {id}"),
    }
}

#[async_trait]
impl Records for SqliteStore {
    async fn add_user(&self, name: &UserName, decision: Decision) -> Result<User, StoreError> {
        let name = name.clone();
        let at = decision.at;
        self.write_asked(decision, move |connection| {
            connection
                .prepare_cached("INSERT INTO users (name, added) VALUES (?1, ?2)")?
                .execute(params![name.as_str(), at])
                .map_err(|error| exists(error, || format!("user {name}")))?;
            Ok(User {
                name,
                added: at,
                disabled: None,
            })
        })
        .await
    }

    async fn user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        self.read(|connection| find_user(connection, name.as_str()))
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM users ORDER BY name")?
                .query_and_then([], user)?
                .collect()
        })
    }

    async fn disable_user(&self, name: &UserName, decision: Decision) -> Result<User, StoreError> {
        let name = name.clone();
        let (at, actor) = (decision.at, decision.actor.clone());
        let (user, revoked) = self
            .write_asked(decision, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE users SET disabled = ?2 WHERE name = ?1 AND disabled IS NULL",
                    )?
                    .execute(params![name.as_str(), at])?;
                let user =
                    find_user(connection, name.as_str())?.ok_or_else(|| missing_user(&name))?;
                revocation::disarm_external_keys(connection, name.as_str(), at)?;
                let revoked = revocation::revoke_all(
                    connection,
                    revocation::Whose::User(name.as_str()),
                    &revocation::Why {
                        reason: Reason::PrivilegeWithdrawn,
                        text: "its user was disabled".into(),
                        actor,
                        at,
                    },
                )?;
                Ok((user, revoked))
            })
            .await?;
        revoked.iter().for_each(Decision::log);
        Ok(user)
    }

    async fn add_key(&self, key: NewKey, decision: Decision) -> Result<KeyRecord, StoreError> {
        let (key, decision) = self
            .write(move |connection| {
                let user = find_user(connection, key.user.as_str())?
                    .ok_or_else(|| missing_user(&key.user))?;
                if user.disabled.is_some() {
                    return Err(StoreError::Conflict {
                        what: format!("user {} is disabled", key.user),
                    });
                }
                let id = insert_key(connection, &key)?;
                names_are_free(connection, &key)?;
                let decision = decision.fact("key", id);
                super::audit::insert(connection, &decision)?;
                let key = find_key(connection, id)?.ok_or_else(|| missing_key(id))?;
                Ok((key, decision))
            })
            .await?;
        decision.log();
        Ok(key)
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.read(|connection| find_key(connection, id))
    }

    async fn key_by_spki(
        &self,
        spki_sha256: &[u8; 32],
    ) -> Result<Option<(KeyRecord, User)>, StoreError> {
        self.read(|connection| {
            let Some(key) = connection
                .prepare_cached("SELECT * FROM keys WHERE spki_sha256 = ?1")?
                .query_row([spki_sha256], |row| Ok(bare_key(row)))
                .optional()?
                .transpose()?
            else {
                return Ok(None);
            };
            let key = with_grants(connection, key)?;
            let user = find_user(connection, key.user.as_str())?.ok_or(StoreError::Corrupt {
                column: "keys.user",
            })?;
            Ok(Some((key, user)))
        })
    }

    async fn keys(&self, user: Option<&UserName>) -> Result<Vec<KeyRecord>, StoreError> {
        let user = user.map(UserName::as_str);
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM keys WHERE ?1 IS NULL OR user = ?1 ORDER BY id")?
                .query_and_then([user], bare_key)?
                .map(|key| with_grants(connection, key?))
                .collect()
        })
    }

    async fn set_key_state(
        &self,
        id: KeyId,
        to: KeyState,
        decision: Decision,
    ) -> Result<KeyRecord, StoreError> {
        let (at, actor) = (decision.at, decision.actor.clone());
        let (key, revoked) = self
            .write_asked(decision, move |connection| {
                let key = find_key(connection, id)?.ok_or_else(|| missing_key(id))?;
                let since = match (key.state, to) {
                    (KeyState::Revoked { .. }, KeyState::Active | KeyState::Retired { .. }) => {
                        return Err(StoreError::Conflict {
                            what: format!("key {id} is revoked, and stays so"),
                        });
                    }
                    (KeyState::Revoked { since }, KeyState::Revoked { .. })
                    | (KeyState::Retired { since }, KeyState::Retired { .. })
                    | (_, KeyState::Retired { since } | KeyState::Revoked { since }) => since,
                    (_, KeyState::Active) => key.added,
                };
                connection
                    .prepare_cached("UPDATE keys SET state = ?2, state_since = ?3 WHERE id = ?1")?
                    .execute(params![id.0, to.as_str(), since])?;
                let mut revoked = Vec::new();
                if let KeyState::Revoked { .. } = to {
                    let why = revocation::Why {
                        reason: Reason::KeyCompromise,
                        text: format!("key {id} was revoked"),
                        actor,
                        at,
                    };
                    revoked = revocation::revoke_all(connection, revocation::Whose::Key(id), &why)?;
                }
                let key = find_key(connection, id)?.ok_or_else(|| missing_key(id))?;
                Ok((key, revoked))
            })
            .await?;
        revoked.iter().for_each(Decision::log);
        Ok(key)
    }

    async fn name_holders(&self, name: &str) -> Result<Vec<(UserName, String)>, StoreError> {
        self.read(|connection| name_holders(connection, name))
    }

    async fn name_is_reserved(&self, name: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM grants WHERE name = ?1 COLLATE NOCASE LIMIT 1")?
                .exists([name])?)
        })
    }

    async fn name_below_is_reserved(&self, base: &str) -> Result<bool, StoreError> {
        // Every grant is looked at: wildcards are rare, and a site's grants are few.
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT 1 FROM grants
                     WHERE instr(name, '.') > 1
                       AND substr(name, instr(name, '.') + 1) = ?1 COLLATE NOCASE LIMIT 1",
                )?
                .exists([base])?)
        })
    }
}
