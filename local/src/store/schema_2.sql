-- Version 2: templates, disks, networks, ports, domains; hibernation.

ALTER TABLE boxes ADD COLUMN auto_hibernate_secs INTEGER NOT NULL DEFAULT 0; -- 0: never
ALTER TABLE boxes ADD COLUMN hibernated_at_ms    INTEGER NOT NULL DEFAULT 0; -- unix milliseconds; 0: it is not

CREATE TABLE templates (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    image      TEXT NOT NULL,
    config     BLOB NOT NULL,                     -- the wire's VmConfig, encoded: its numbers never change
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE disks (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    size_bytes    INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL                -- the wire tells a disk's birth in milliseconds
) STRICT;

-- Where disks are mounted: each in one box at most. A disk that is attached cannot be destroyed; a box that goes lets
-- its disks go.
CREATE TABLE attachments (
    disk_id    TEXT PRIMARY KEY REFERENCES disks (id) ON DELETE RESTRICT,
    box_id     TEXT NOT NULL REFERENCES boxes (id) ON DELETE CASCADE,
    mount_path TEXT NOT NULL,
    read_only  INTEGER NOT NULL,
    UNIQUE (box_id, mount_path)
) STRICT;

CREATE TABLE networks (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,                     -- empty: none
    subnet     TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- Ports of this machine that lead into boxes.
CREATE TABLE ports (
    public_port INTEGER PRIMARY KEY,
    box_id      TEXT NOT NULL REFERENCES boxes (id) ON DELETE CASCADE,
    box_port    INTEGER NOT NULL,
    protocol    TEXT NOT NULL,                    -- tcp, udp or both
    UNIQUE (box_id, box_port)
) STRICT;

-- Host names from outside that lead to boxes.
CREATE TABLE domains (
    domain     TEXT PRIMARY KEY,                  -- lower case, without a dot at its end
    box_id     TEXT NOT NULL REFERENCES boxes (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domains_by_box ON domains (box_id);
