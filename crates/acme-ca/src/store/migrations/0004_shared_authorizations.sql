-- Authorizations that outlive their order, or never had one (RFC 8555 §7.4.1). Times are seconds
-- since 1970.

ALTER TABLE challenges RENAME TO old_challenges;
ALTER TABLE authorizations RENAME TO old_authorizations;

-- `order_id` is the order that an authorization was made with; for one that was made alone it is
-- an id of its own, and there is no such order.
CREATE TABLE authorizations (
    order_id    TEXT NOT NULL,
    number      INTEGER NOT NULL,
    account     TEXT NOT NULL,
    kind        TEXT NOT NULL,              -- identifier type
    value       TEXT NOT NULL,              -- identifier value, of a wildcard without its "*."
    wildcard    INTEGER NOT NULL,           -- 1: for the wildcard of the value
    status      TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),
    expires     INTEGER NOT NULL,
    reusable    INTEGER NOT NULL,           -- until when an order may take it while it is valid; 0: never
    PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX authorizations_reusable ON authorizations (account, value) WHERE reusable > 0;
CREATE INDEX authorizations_by_end ON authorizations (reusable) WHERE reusable > 0;

INSERT INTO authorizations (order_id, number, account, kind, value, wildcard, status, expires, reusable)
    SELECT a.order_id, a.number, o.account, a.kind, a.value, 0, a.status, a.expires, 0
    FROM old_authorizations a JOIN orders o ON o.id = a.order_id;

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

INSERT INTO challenges SELECT * FROM old_challenges;
DROP TABLE old_challenges;
DROP TABLE old_authorizations;

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

ALTER TABLE orders ADD COLUMN takes INTEGER NOT NULL DEFAULT 0;     -- how many rows it has in `taken`
