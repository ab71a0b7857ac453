-- Old code keeps working: it seals provider keys under a project's current `secret` data key, which is left alone while it may.

-- Each provider key is sealed under a data key of its own, retired from its first moment: destroying that row destroys the value, wherever
-- its sealed bytes still stand. The server may delete no other data key, so it gets this function and not the privilege.
create function destroy_secret_key(account uuid, key uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
  -- One that is or was shared: closed first, and destroyed when no server can be about to use it.
  update data_keys set retired_at = now()
  where account_id = account and id = key and purpose = 'secret' and retired_at is null;
  delete from data_keys
  where account_id = account and id = key and purpose = 'secret'
    and (retired_at <= created_at or retired_at < now() - interval '10 minutes');
$$;
revoke execute on function destroy_secret_key(uuid, uuid) from public;
grant execute on function destroy_secret_key(uuid, uuid) to stewrd_app;

-- The work list of who destroys replaced keys.
create index view_rows_due on view_rows (account_id, ((row ->> 'dueAt')::bigint)) where view = 'held-keys' and row ->> 'dueAt' is not null;
