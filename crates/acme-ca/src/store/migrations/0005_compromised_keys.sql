-- Keys of certificates that were revoked because others may know them: nothing is certified for
-- them again. Times are seconds since 1970.

CREATE TABLE compromised_keys (
    spki_sha256 BLOB PRIMARY KEY,
    since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
