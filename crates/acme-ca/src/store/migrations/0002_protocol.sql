-- Accounts, orders, authorizations and challenges (RFC 8555 §7.1). Times are seconds since 1970.
-- Every index costs each order a page of the log: there is one only for what is asked often.

-- Ids are random and appear in URLs.
CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    thumbprint  BLOB NOT NULL UNIQUE CHECK (length(thumbprint) = 32),   -- RFC 7638, SHA-256
    jwk         TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (
        status = 'valid' OR status = 'deactivated' OR status = 'revoked'),
    contact     TEXT NOT NULL,              -- JSON list
    terms       INTEGER NOT NULL,           -- 1: agreed to the terms of service
    agreed      TEXT,                       -- the terms that were agreed to
    user        TEXT REFERENCES users (name),   -- whose it is, RFC 8555 §7.3.4
    external    TEXT,                       -- external_keys.id
    created     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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

-- Ids begin with the time, so that what is worked on lies together.
CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES accounts (id),
    profile     TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (
        status = 'pending' OR status = 'ready' OR status = 'processing' OR status = 'valid'
        OR status = 'invalid'),
    -- 1 until it ends. What asks for open orders has an index on this, which does not change
    -- with every status.
    open        INTEGER NOT NULL CHECK (open = (status NOT IN ('valid', 'invalid'))),
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    not_after   INTEGER,                    -- what the client asked for; NULL: nothing
    takes       INTEGER NOT NULL,           -- how many rows it has in `taken`
    replaces    TEXT,                       -- RFC 9773 §5, as it was sent
    csr         BLOB,                       -- what finalize brought; empty: nothing
    problem     TEXT,                       -- JSON
    certificate TEXT                        -- certificates.id
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_account ON orders (account);
CREATE INDEX orders_open ON orders (account, expires) WHERE open = 1;
CREATE INDEX orders_processing ON orders (status) WHERE status = 'processing';
CREATE INDEX orders_over ON orders (status, expires) WHERE open = 0;

-- The parts of an order are numbered from 0; their URLs say the order's id and the numbers.
-- `order_id` is the order that an authorization was made with; for one that was made alone
-- (RFC 8555 §7.4.1) it is an id of its own, and there is no such order.
CREATE TABLE authorizations (
    order_id    TEXT NOT NULL,
    number      INTEGER NOT NULL,
    account     TEXT NOT NULL,
    kind        TEXT NOT NULL,              -- identifier type
    value       TEXT NOT NULL,              -- identifier value, of a wildcard without its "*."
    wildcard    INTEGER NOT NULL,           -- 1: for the wildcard of the value
    status      TEXT NOT NULL CHECK (
        status = 'pending' OR status = 'valid' OR status = 'invalid' OR status = 'deactivated'
        OR status = 'expired' OR status = 'revoked'),
    expires     INTEGER NOT NULL,
    reusable    INTEGER NOT NULL,           -- until when an order may take it while it is valid; 0: never
    PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX authorizations_reusable ON authorizations (account, value, reusable) WHERE reusable > 0;

CREATE TABLE challenges (
    order_id      TEXT NOT NULL,
    authorization INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    kind          TEXT NOT NULL,            -- challenge type
    token         TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (
        status = 'pending' OR status = 'processing' OR status = 'valid' OR status = 'invalid'),
    decided       INTEGER,
    problem       TEXT,                     -- JSON
    evidence      BLOB,                     -- what proved it, judged again at finalize
    PRIMARY KEY (order_id, authorization, number),
    FOREIGN KEY (order_id, authorization) REFERENCES authorizations (order_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Authorizations that an order took over: their place in the order, and whose they are.
CREATE TABLE taken (
    order_id    TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    from_order  TEXT NOT NULL,
    from_number INTEGER NOT NULL,
    PRIMARY KEY (order_id, number),
    FOREIGN KEY (from_order, from_number) REFERENCES authorizations (order_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_by_source ON taken (from_order, from_number);
