-- Old code keeps working: it does not know this table.

-- Rows of views that the database refused. Readers see each as it was before the event at `idx`; that event and later ones of the same row
-- are not in it. A rebuild that can store the row removes the entry with its slot.
create table set_aside_rows (
  account_id uuid not null,
  view text not null,
  slot smallint not null,
  key text not null,
  project_id uuid not null,
  idx bigint not null,
  code text not null,
  at timestamptz not null default now(),
  primary key (account_id, view, slot, key)
);

grant select, insert, update, delete on set_aside_rows to stewrd_app;
