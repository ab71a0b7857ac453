-- Old code keeps working: it does not know these tables.

-- What is sent to a project's webhook, and what came of it. The content is made anew for each attempt, from the stream that it tells of
-- (`stream` at `seq`; null: a test): nothing of it stands here, and nothing is left of it once the project is shredded.
create table webhook_deliveries (
  account_id uuid not null,
  -- Stays the same over all attempts.
  id uuid not null,
  project_id uuid not null,
  event text not null,
  stream text,
  seq bigint,
  created_at timestamptz not null default now(),
  status text not null check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  -- The number of the attempt after which no other follows by itself.
  last_attempt integer not null default 3,
  -- When a pending one is due.
  next_at timestamptz,
  tried_at timestamptz,
  response_code integer,
  -- Our own word for what went wrong.
  error text,
  latency_ms integer,
  primary key (account_id, id),
  unique (account_id, stream, seq, event),
  check ((status = 'pending') = (next_at is not null))
);
create index webhook_deliveries_project on webhook_deliveries (account_id, project_id, created_at, id);
create index webhook_deliveries_due on webhook_deliveries (next_at) where status = 'pending';
create index webhook_deliveries_old on webhook_deliveries (created_at);

-- One row: how much of the log has been looked at for something to send. It starts at the end: what was before has no webhook.
create table webhook_cursor (
  one boolean primary key default true check (one),
  idx bigint not null
);
insert into webhook_cursor (idx) select size from log_state;

grant select, insert, update, delete on webhook_deliveries to stewrd_app;
grant select, update on webhook_cursor to stewrd_app;
