-- Old code keeps working: it does not know these tables.

-- The global order, dense from 0. Holds what history filters by, in the clear; payloads stay sealed in events.
create table log (
  idx bigint primary key check (idx >= 0),
  account_id uuid not null,
  project_id uuid not null,
  stream text not null,
  seq bigint not null,
  type text not null,
  actor text not null,
  at timestamptz not null,
  unique (account_id, stream, seq)
);
create index log_project on log (account_id, project_id, idx);
create index log_type on log (account_id, type, idx);
create index log_actor on log (account_id, actor, idx);

-- One row. Whoever holds `epoch`, and whose time is not up, may write the log; `size` is the next idx.
create table log_state (
  one boolean primary key default true check (one),
  size bigint not null default 0,
  epoch bigint not null default 0,
  holder text not null default '',
  expires_at timestamptz not null default '-infinity'
);
insert into log_state default values;

grant select, insert on log to stewrd_app;
grant select, update on log_state to stewrd_app;
