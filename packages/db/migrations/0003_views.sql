-- Old code keeps working: it does not know these tables.

-- One writer at a time for each name, fenced by `epoch`.
create table leases (
  name text primary key,
  epoch bigint not null default 0,
  holder text not null default '',
  expires_at timestamptz not null default '-infinity'
);

-- A view's rows in `slot` are what readers see: all of the log before `checkpoint`. A rebuild fills the other slot and then switches here.
create table projections (
  view text primary key,
  version integer not null,
  slot smallint not null check (slot in (0, 1)),
  checkpoint bigint not null,
  status text not null check (status in ('live', 'quarantined')),
  error text,
  updated_at timestamptz not null default now()
);

-- Rows of every view. `sort` is the log index of the event that made the row: newest first is `sort desc`.
create table view_rows (
  account_id uuid not null,
  view text not null,
  slot smallint not null,
  key text not null,
  project_id uuid not null,
  sort bigint not null,
  row jsonb not null,
  primary key (account_id, view, slot, key)
) with (fillfactor = 70);
create index view_rows_sort on view_rows (account_id, view, slot, sort);
create index view_rows_project on view_rows (account_id, view, slot, project_id, sort);

-- Server processes, and how much of the log each has taken notice of.
create table nodes (
  id text primary key,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  log_idx bigint not null default 0
);

grant select, insert, update, delete on leases, projections, view_rows, nodes to stewrd_app;
