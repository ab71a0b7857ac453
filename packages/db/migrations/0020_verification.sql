-- Old code keeps working: it does not know this table.

-- One row: what the last verification of the whole history found.
create table verification (
  one boolean primary key default true check (one),
  at timestamptz not null,
  result jsonb not null
);

grant select, insert, update on verification to stewrd_app;
