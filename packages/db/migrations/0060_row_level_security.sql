-- Old code must be stopped: it does not say for which project a statement is, and would see no rows.

-- The second wall between projects (docs/adr/0019): a statement of the app's login sees and writes the rows of those projects alone that its
-- own transaction names. `stewrd.projects` lists `account/project`, or `account/*` for all of an account; `stewrd.streams`, where a statement
-- is for several projects, lists `project/stream`. Whoever works for all projects has the role stewrd_worker.
-- No condition can be a condition of an index: rows are found by the query's own, and compared by these.
alter table heads enable row level security;
alter table heads force row level security;
create policy named_streams on heads to stewrd_app using (
  (
    account_id || '/' || project_id = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
    or account_id || '/*' = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
  )
  and (
    (select coalesce(current_setting('stewrd.streams', true), '') = '')
    or project_id || '/' || stream = any ((select nullif(current_setting('stewrd.streams', true), '')::text[])::text[])
  )
);
create policy every_stream on heads to stewrd_worker using (true);

alter table events enable row level security;
alter table events force row level security;
create policy named_projects on events to stewrd_app using (
  account_id || '/' || project_id = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
  or account_id || '/*' = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
);
create policy every_project on events to stewrd_worker using (true);

alter table data_keys enable row level security;
alter table data_keys force row level security;
create policy named_scopes on data_keys to stewrd_app using (
  account_id || '/' || scope = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
  or account_id || '/*' = any ((select nullif(current_setting('stewrd.projects', true), '')::text[])::text[])
);
create policy every_scope on data_keys to stewrd_worker using (true);

-- Whether a stream has a head that is another project's, which the policy hides: an id that is taken is told from one that is free.
create function belongs_elsewhere(account uuid, name text, project uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
  select exists (select from heads where account_id = account and stream = name and project_id <> project)
$$;
revoke execute on function belongs_elsewhere(uuid, text, uuid) from public;
grant execute on function belongs_elsewhere(uuid, text, uuid) to stewrd_app;
