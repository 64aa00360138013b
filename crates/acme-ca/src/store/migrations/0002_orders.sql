-- Accounts, orders, authorizations and challenges (RFC 8555 §7.1). Times are seconds since 1970.
-- Ids are random and appear in URLs.

CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    thumbprint  BLOB NOT NULL UNIQUE CHECK (length(thumbprint) = 32),   -- RFC 7638, SHA-256
    jwk         TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
    contact     TEXT NOT NULL,              -- JSON list
    terms       INTEGER NOT NULL,           -- 1: agreed to the terms of service
    created     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES accounts (id),
    profile     TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    not_after   INTEGER,                    -- what the client asked for; NULL: nothing
    csr         BLOB,                       -- what finalize brought; empty: nothing
    problem     TEXT,                       -- JSON
    certificate TEXT                        -- certificates.id
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_account ON orders (account, status);
CREATE INDEX orders_by_expiry ON orders (expires);
CREATE INDEX orders_waiting ON orders (expires) WHERE status IN ('pending', 'ready');
CREATE INDEX orders_processing ON orders (status) WHERE status = 'processing';

-- The parts of an order are numbered from 0; their URLs say the order's id and the numbers.
CREATE TABLE authorizations (
    order_id    TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    kind        TEXT NOT NULL,              -- identifier type
    value       TEXT NOT NULL,              -- identifier value
    status      TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),
    expires     INTEGER NOT NULL,
    PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE challenges (
    order_id      TEXT NOT NULL,
    authorization INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    kind          TEXT NOT NULL,            -- challenge type
    token         TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
    decided       INTEGER,
    problem       TEXT,                     -- JSON
    evidence      BLOB,                     -- what proved it, judged again at finalize
    PRIMARY KEY (order_id, authorization, number),
    FOREIGN KEY (order_id, authorization) REFERENCES authorizations (order_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
