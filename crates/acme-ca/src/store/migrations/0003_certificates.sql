-- Certificates and their revocation. Times are seconds since 1970.

-- A row is written before anything is signed (status 'intended'), so that every certificate
-- that exists is on record. Nothing is deleted here, so that rowid tells which is newer.
CREATE TABLE certificates (
    id          TEXT PRIMARY KEY,
    issuer      TEXT NOT NULL,
    serial      TEXT NOT NULL,              -- as the certificate shows it: hex, SSH decimal
    kind        TEXT NOT NULL CHECK (kind = 'x509' OR kind = 'ssh' OR kind = 'server'),
    status      TEXT NOT NULL CHECK (status = 'intended' OR status = 'issued' OR status = 'revoked'),
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
    revocation_code INTEGER,                -- RFC 5280 §5.3.1
    replaced_by TEXT,                       -- the order that said so, RFC 9773 §5
    UNIQUE (issuer, serial)
) STRICT;
CREATE INDEX certificates_intended ON certificates (status) WHERE status = 'intended';
CREATE INDEX certificates_revoked ON certificates (issuer, not_after) WHERE status = 'revoked';
CREATE INDEX certificates_by_key ON certificates (key) WHERE key IS NOT NULL;
CREATE INDEX certificates_by_account ON certificates (account) WHERE account IS NOT NULL;
CREATE INDEX certificates_replaced ON certificates (replaced_by) WHERE replaced_by IS NOT NULL;

-- An order that became invalid replaces nothing. A trigger sees to it, so that no way in which an
-- order ends can forget it; it hangs on what changes then alone.
CREATE TRIGGER order_replaces_nothing AFTER UPDATE OF open ON orders
WHEN NEW.status = 'invalid' AND NEW.replaces IS NOT NULL
BEGIN
    UPDATE certificates SET replaced_by = NULL WHERE replaced_by = NEW.id;
END;

-- How often something was revoked, for each issuer and for keys. Triggers count, so that no way
-- to revoke can forget it: a list that tells fewer revocations than this is out of date.
CREATE TABLE revocations (
    issuer      TEXT PRIMARY KEY,           -- certificates.issuer, or 'keys'
    revision    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER certificate_revoked AFTER UPDATE OF status ON certificates
WHEN NEW.status = 'revoked' AND OLD.status <> 'revoked'
BEGIN
    INSERT INTO revocations (issuer, revision) VALUES (NEW.issuer, 1)
    ON CONFLICT (issuer) DO UPDATE SET revision = revision + 1;
END;

CREATE TRIGGER key_revoked AFTER UPDATE OF state ON keys
WHEN NEW.state = 'revoked' AND OLD.state <> 'revoked'
BEGIN
    INSERT INTO revocations (issuer, revision) VALUES ('keys', 1)
    ON CONFLICT (issuer) DO UPDATE SET revision = revision + 1;
END;

-- The list that was made last of each kind, as relying parties get it.
CREATE TABLE revocation_lists (
    name        TEXT PRIMARY KEY,           -- 'clients', 'servers' or 'krl'
    signer      TEXT NOT NULL,              -- whose list it is: a new key makes it out of date
    number      INTEGER NOT NULL,           -- cRLNumber, or the KRL's version
    revision    INTEGER NOT NULL,           -- how many revocations it tells
    made        INTEGER NOT NULL,
    next_update INTEGER,                    -- NULL: it has no end
    body        BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of certificates that were revoked because others may know them: nothing is certified for
-- them again.
CREATE TABLE compromised_keys (
    spki_sha256 BLOB PRIMARY KEY,
    since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
