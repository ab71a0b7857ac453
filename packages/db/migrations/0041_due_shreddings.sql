-- Old code keeps working: it does not look.

-- The work list of who shreds projects: every server looks every few seconds, and most projects are not on it.
create index view_rows_shred on view_rows (account_id, ((row -> 'shred' ->> 'dueAt')::bigint))
  where view = 'projects' and row -> 'shred' ->> 'dueAt' is not null;
