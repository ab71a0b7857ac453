-- Old code keeps working: it charges nothing.

-- What was given, taken and given back, one after the other: each entry begins where the one before it ends, so that their sum is the balance.
create table credit_entries (
  account_id uuid not null,
  nth bigint not null,
  -- The entry before it; null for the first.
  follows bigint,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('grant', 'purchase', 'free_month', 'free_expired', 'reserve', 'settle', 'refund')),
  -- The month (UTC) whose free credits these are.
  month date not null,
  project_id uuid,
  run_id uuid,
  free_before bigint not null,
  paid_before bigint not null,
  free_after bigint not null check (free_after >= 0),
  paid_after bigint not null check (paid_after >= 0),
  primary key (account_id, nth),
  unique (account_id, nth, free_after, paid_after),
  foreign key (account_id, follows, free_before, paid_before)
    references credit_entries (account_id, nth, free_after, paid_after),
  check ((nth = 1 and follows is null and free_before = 0 and paid_before = 0) or (nth > 1 and follows is not null and follows = nth - 1)),
  check ((run_id is not null) = (kind in ('reserve', 'settle', 'refund')))
);
-- A run is charged once, and ends once.
create unique index credit_entries_reserved on credit_entries (account_id, run_id) where kind = 'reserve';
create unique index credit_entries_ended on credit_entries (account_id, run_id) where kind in ('settle', 'refund');
create index credit_entries_project on credit_entries (account_id, project_id, at) where project_id is not null;

-- The balance is what the last entry left. `free` is of `month`: in a later one it counts as that month's fresh ones.
create table credit_balances (
  account_id uuid primary key,
  last bigint,
  month date not null,
  free bigint not null check (free >= 0),
  paid bigint not null check (paid >= 0),
  check (last is not null or (free = 0 and paid = 0)),
  foreign key (account_id, last, free, paid) references credit_entries (account_id, nth, free_after, paid_after)
) with (fillfactor = 50);

-- What a project's limits are counted with. `seconds` and `counts`: how many runs began in which second of the last minute (unix seconds).
-- `open`: streams of the runs that were begun under a limit of runs at once, until somebody looks which of them have ended.
create table run_meters (
  account_id uuid not null,
  project_id uuid not null,
  seconds bigint[] not null default '{}',
  counts int[] not null default '{}',
  open text[] not null default '{}',
  primary key (account_id, project_id)
) with (fillfactor = 50);

grant select, insert on credit_entries to stewrd_app;
grant select, insert, update on credit_balances, run_meters to stewrd_app;
