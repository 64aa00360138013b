-- Revocation that relying parties can use, and accounts that belong to people. Times are seconds
-- since 1970.

ALTER TABLE certificates ADD COLUMN revocation_code INTEGER;    -- RFC 5280 §5.3.1
ALTER TABLE certificates ADD COLUMN replaced_by TEXT;           -- the order that said so, RFC 9773 §5
CREATE INDEX certificates_revoked ON certificates (issuer, not_after) WHERE status = 'revoked';
CREATE INDEX certificates_by_account ON certificates (account) WHERE account IS NOT NULL;

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

-- What was revoked before there were lists.
INSERT INTO revocations (issuer, revision)
    SELECT issuer, count(*) FROM certificates WHERE status = 'revoked' GROUP BY issuer;
INSERT INTO revocations (issuer, revision)
    SELECT 'keys', count(*) FROM keys WHERE state = 'revoked' HAVING count(*) > 0;

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

ALTER TABLE accounts ADD COLUMN agreed TEXT;                        -- the terms that were agreed to
ALTER TABLE accounts ADD COLUMN user TEXT REFERENCES users (name);  -- whose it is, RFC 8555 §7.3.4
ALTER TABLE accounts ADD COLUMN external TEXT;                      -- external_keys.id
CREATE INDEX accounts_by_user ON accounts (user) WHERE user IS NOT NULL;

-- Keys that bind an account to a person, each good for one account.
CREATE TABLE external_keys (
    id          TEXT PRIMARY KEY,
    user        TEXT NOT NULL REFERENCES users (name),
    mac         BLOB,                       -- NULL once it was used or revoked
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    account     TEXT,                       -- who used it
    used        INTEGER,
    revoked     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX external_keys_by_user ON external_keys (user);

ALTER TABLE orders ADD COLUMN replaces TEXT;                        -- RFC 9773 §5, as it was sent
