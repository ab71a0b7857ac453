-- Old code keeps working until the first rotation of the master key, which waits until no old server is left.

-- The master keys that data keys were ever wrapped under. 'open': more may be. 'closed': nothing new, since a rotation left it.
-- 'retired': nothing depends on it, and the key itself was destroyed. Whoever wraps a data key holds a share lock on the row, so
-- that nothing can slip in behind a rotation's count. The canary tells a wrong key of the right name at start.
create table master_keys (
  kek_id text not null,
  kek_version integer not null check (kek_version > 0),
  status text not null default 'open' check (status in ('open', 'closed', 'retired')),
  canary bytea,
  first_used_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  primary key (kek_id, kek_version)
);
insert into master_keys (kek_id, kek_version, first_used_at)
select kek_id, kek_version, min(created_at) from data_keys group by 1, 2;

-- Which master keys (`id/version`) wrapped this data key before: a copy of such a row is readable until they are destroyed.
alter table data_keys add column former_keks text[] not null default '{}';

-- Which master keys (`id/version`) a server can open; null: an old server, which does not say.
alter table nodes add column master_keys text[];

grant select, insert, update on master_keys to stewrd_app;
