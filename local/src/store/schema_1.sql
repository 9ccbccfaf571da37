-- Version 1. Never edit a version that was published: add the next one, and name it in `store/mod.rs`.

CREATE TABLE boxes (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    image             TEXT NOT NULL,
    status            TEXT NOT NULL,
    restart_policy    TEXT NOT NULL,
    env               TEXT NOT NULL,              -- JSON, [[key, value], …] in the order given
    cmd               TEXT NOT NULL,              -- JSON, [argument, …]; empty: the default main process
    labels            TEXT NOT NULL,              -- JSON, {key: value}
    vcpu              INTEGER NOT NULL,
    memory_bytes      INTEGER NOT NULL,
    disk_bytes        INTEGER NOT NULL,
    auto_suspend_secs INTEGER NOT NULL,           -- 0: never
    auto_destroy_secs INTEGER NOT NULL,           -- 0: never
    source_id         TEXT NOT NULL,              -- the box that this one was forked from; empty: none
    source_name       TEXT NOT NULL,
    boot_time_ms      INTEGER NOT NULL,
    created_at        INTEGER NOT NULL            -- unix seconds, as every time here
) STRICT;

CREATE TABLE proxies (
    box_id TEXT NOT NULL REFERENCES boxes (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,                         -- empty: the box's default proxy
    port   INTEGER NOT NULL,
    PRIMARY KEY (box_id, name)
) STRICT;

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE,            -- SHA-256 of the key; the key itself is shown once and not kept
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,                -- 0: never
    expires_at   INTEGER NOT NULL                 -- 0: never
) STRICT;

-- Every JWT that is honoured. One that is not here is refused, whatever its signature says.
CREATE TABLE tokens (
    jti        TEXT PRIMARY KEY,
    key_id     TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    exchanged  INTEGER NOT NULL,                  -- 1: by the exchange, for an hour; 0: by CreateToken, and listed
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_by_key ON tokens (key_id);
