-- People, their keys, grants and decisions. Times are seconds since 1970.
-- What a word may be is written with OR: for IN with more than two, SQLite builds a table in memory
-- each time that it writes a row.

CREATE TABLE users (
    name        TEXT PRIMARY KEY,
    added       INTEGER NOT NULL,
    disabled    INTEGER                     -- since when; NULL while enabled
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user        TEXT NOT NULL REFERENCES users (name),
    use         TEXT NOT NULL CHECK (use IN ('login', 'proof')),
    state       TEXT NOT NULL CHECK (state = 'active' OR state = 'retired' OR state = 'revoked'),
    state_since INTEGER NOT NULL,
    spki_sha256 BLOB NOT NULL UNIQUE,       -- a public key belongs to one user
    spki        BLOB NOT NULL,
    attested    TEXT NOT NULL,              -- the facts of the attestation, JSON
    chain       TEXT NOT NULL,              -- the attestation itself, JSON list of base64 DER
    added       INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_user ON keys (user);

CREATE TABLE grants (
    key         INTEGER NOT NULL REFERENCES keys (id),
    profile     TEXT NOT NULL,
    position    INTEGER NOT NULL,           -- names keep the order that the operator gave
    name        TEXT NOT NULL,
    PRIMARY KEY (key, profile, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_name ON grants (name COLLATE NOCASE);

-- Nothing is deleted here, so that the numbers go up.
CREATE TABLE decisions (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome = 'done' OR outcome = 'refused' OR outcome = 'alarm'),
    action      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    reasons     TEXT NOT NULL,              -- JSON list
    facts       TEXT NOT NULL               -- JSON object
) STRICT;
