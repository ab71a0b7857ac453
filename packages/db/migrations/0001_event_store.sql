-- Old code keeps working: these are the first tables.

create table accounts (
  id uuid primary key,
  -- One account for the deployment; a hosted set-up drops this column.
  one boolean not null default true unique check (one),
  created_at timestamptz not null default now()
);

-- Data keys, wrapped under a master key. `scope` is a project's id or `deployment`. `encryptions` is reserved before use, in blocks.
create table data_keys (
  account_id uuid not null,
  id uuid not null,
  scope text not null,
  purpose text not null check (purpose in ('event', 'secret', 'deployment')),
  epoch integer not null check (epoch > 0),
  kek_id text not null,
  kek_version integer not null,
  wrapped bytea not null,
  encryptions bigint not null default 0,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  primary key (account_id, id),
  unique (account_id, scope, purpose, epoch)
);
create unique index data_keys_current on data_keys (account_id, scope, purpose) where retired_at is null;
create index data_keys_kek on data_keys (kek_id, kek_version);

-- The newest place of each stream. An append swaps (seq, chain) from (from_seq, from_chain): that swap alone orders a stream.
-- The snapshot is derived data: the sealed state after `seq` events. A row at seq 0 exists so that it can be guarded.
create table heads (
  account_id uuid not null,
  stream text not null,
  project_id uuid not null,
  seq bigint not null check (seq >= 0),
  chain bytea not null,
  from_seq bigint not null,
  from_chain bytea not null,
  state_version integer not null,
  snapshot bytea,
  snapshot_dek uuid,
  primary key (account_id, stream)
) with (fillfactor = 50);
-- What is sealed does not compress.
alter table heads alter column snapshot set storage external;

create table events (
  account_id uuid not null,
  stream text not null,
  seq bigint not null check (seq > 0),
  project_id uuid not null,
  event_id uuid not null,
  type text not null,
  version integer not null,
  dek_id uuid not null,
  at timestamptz not null,
  actor text not null,
  commitment bytea not null,
  command_id text not null,
  n integer not null,
  command_mac bytea not null,
  envelope bytea not null,
  chain bytea not null,
  primary key (account_id, stream, seq),
  unique (account_id, command_id, n)
);
alter table events alter column envelope set storage external;

-- Events that have no place in the global log yet. `id` is drawn while the head is locked, so it never contradicts the order of commits
-- that waited for each other.
create table outbox (
  id bigint generated always as identity primary key,
  account_id uuid not null,
  stream text not null,
  seq bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Finds an account and project by a hash, such as an API key's.
create table lookups (
  hash text primary key,
  account_id uuid not null,
  project_id uuid not null
);

grant select, insert on accounts, events to stewrd_app;
grant select, insert, update on data_keys, heads to stewrd_app;
grant select, insert, delete on outbox, lookups to stewrd_app;
