-- Old code keeps working: it does not know these tables, and reads what is left of a shredded project as missing its key. Stop old servers
-- before the first shredding: they keep opened keys for as long as they run.

-- Projects whose shredding was recorded. From then on nothing of them is decrypted, whatever a server still holds in memory.
create table shredded_projects (
  account_id uuid not null,
  project_id uuid not null,
  at timestamptz not null,
  actor text not null,
  -- When its data keys were destroyed, and when nothing else was left.
  keys_at timestamptz,
  done_at timestamptz,
  primary key (account_id, project_id)
);

-- Data keys that were destroyed, with every master key (`id/version`) that ever wrapped them: until those are destroyed too, a copy of the
-- row in a backup can be opened.
create table destroyed_data_keys (
  account_id uuid not null,
  id uuid not null,
  scope text not null,
  purpose text not null,
  epoch integer not null,
  keks text[] not null,
  destroyed_at timestamptz not null default now(),
  primary key (account_id, id)
);
create index destroyed_data_keys_scope on destroyed_data_keys (account_id, scope);

-- How many shredded projects a server has forgotten: opened keys and states are out of its memory. Null: an old server, which does not say.
alter table nodes add column forgotten bigint;

-- As before, and remembers what was destroyed.
create or replace function destroy_secret_key(account uuid, key uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
  update data_keys set retired_at = now()
  where account_id = account and id = key and purpose = 'secret' and retired_at is null;
  with gone as (
    delete from data_keys
    where account_id = account and id = key and purpose = 'secret'
      and (retired_at <= created_at or retired_at < now() - interval '10 minutes')
    returning *
  )
  insert into destroyed_data_keys (account_id, id, scope, purpose, epoch, keks)
  select account_id, id, scope, purpose, epoch, former_keks || (kek_id || '/' || kek_version) from gone
  on conflict do nothing;
$$;

-- Destroys every data key of a project. The server may delete none by itself; this lets it, once the shredding stands in the history.
create function shred_data_keys(account uuid, project uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if not exists (
    select from events where account_id = account and stream = 'project:' || project and type = 'ProjectShredded'
  ) or not exists (select from shredded_projects where account_id = account and project_id = project) then
    raise exception 'the shredding of this project is not recorded' using errcode = 'raise_exception';
  end if;
  -- Whoever is about to make a data key comes before this lock, and its key is destroyed too, or after it, and is refused.
  lock table data_keys in share row exclusive mode;
  with gone as (
    delete from data_keys where account_id = account and scope = project::text returning *
  )
  insert into destroyed_data_keys (account_id, id, scope, purpose, epoch, keks)
  select account_id, id, scope, purpose, epoch, former_keks || (kek_id || '/' || kek_version) from gone
  on conflict do nothing;
  update shredded_projects set keys_at = coalesce(keys_at, now()) where account_id = account and project_id = project;
end
$$;
revoke execute on function shred_data_keys(uuid, uuid) from public;
grant execute on function shred_data_keys(uuid, uuid) to stewrd_app;

grant select, insert, update on shredded_projects to stewrd_app;
grant select on destroyed_data_keys to stewrd_app;
