-- People, keys, grants, certificates and decisions. Times are seconds since 1970.

CREATE TABLE users (
    name        TEXT PRIMARY KEY,
    added       INTEGER NOT NULL,
    disabled    INTEGER                     -- since when; NULL while enabled
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user        TEXT NOT NULL REFERENCES users (name),
    use         TEXT NOT NULL CHECK (use IN ('login', 'proof')),
    state       TEXT NOT NULL CHECK (state IN ('active', 'retired', 'revoked')),
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

-- A row is written before anything is signed (status 'intended'), so that every certificate
-- that exists is on record.
CREATE TABLE certificates (
    id          TEXT PRIMARY KEY,
    issuer      TEXT NOT NULL,
    serial      TEXT NOT NULL,              -- as the certificate shows it: hex, SSH decimal
    kind        TEXT NOT NULL CHECK (kind IN ('x509', 'ssh', 'server')),
    status      TEXT NOT NULL CHECK (status IN ('intended', 'issued', 'revoked')),
    profile     TEXT NOT NULL,
    user        TEXT,
    key         INTEGER REFERENCES keys (id),
    order_id    TEXT,
    account     TEXT,
    names       TEXT NOT NULL,              -- JSON list
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    tbs         BLOB NOT NULL,
    body        BLOB,
    intended    INTEGER NOT NULL,
    issued      INTEGER,
    revoked     INTEGER,
    reason      TEXT,
    UNIQUE (issuer, serial)
) STRICT;
CREATE INDEX certificates_by_status ON certificates (status) WHERE status = 'intended';
CREATE INDEX certificates_by_key ON certificates (key);
CREATE INDEX certificates_by_time ON certificates (intended);

CREATE TABLE decisions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'alarm')),
    action      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    reasons     TEXT NOT NULL,              -- JSON list
    facts       TEXT NOT NULL               -- JSON object
) STRICT;
CREATE INDEX decisions_by_time ON decisions (at);
