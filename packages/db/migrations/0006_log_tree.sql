-- Old code keeps working: it does not know these tables. What the log holds already is hashed after the start, batch by batch.

-- Hashes of the perfect subtrees of the log's Merkle tree (RFC 6962): (level, idx) spans the entries from idx * 2^level to before
-- (idx + 1) * 2^level. A row never changes.
create table tree_nodes (
  level smallint not null check (level >= 0),
  idx bigint not null check (idx >= 0),
  hash bytea not null check (octet_length(hash) = 32),
  primary key (level, idx)
);

-- One row. `size` entries of the log are in the tree. `alarm` is why no checkpoint is signed.
create table tree_state (
  one boolean primary key default true check (one),
  size bigint not null default 0,
  alarm jsonb,
  alarm_at timestamptz
);
insert into tree_state default values;

-- Every checkpoint that was signed, as the signed note that outsiders get.
create table checkpoints (
  size bigint primary key check (size > 0),
  note text not null,
  at timestamptz not null default now()
);

grant select, insert on tree_nodes, checkpoints to stewrd_app;
grant select, update on tree_state to stewrd_app;
