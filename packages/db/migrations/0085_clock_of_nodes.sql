-- Code from before keeps working.

-- By how many milliseconds a node's own clock is ahead of this database's, negative when behind. Null: by less than two seconds, as far
-- as it has measured.
alter table nodes add column clock_ahead_ms bigint;
