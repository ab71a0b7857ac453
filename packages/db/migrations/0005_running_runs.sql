-- Code from before keeps working.

-- Every few seconds somebody looks for runs whose node has died; among a million runs few are running.
create index view_rows_running on view_rows (account_id, slot) where view = 'runs' and row ->> 'status' = 'running';
