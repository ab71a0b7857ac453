create type append_record as (
  nth integer,
  seq bigint,
  event_id uuid,
  type text,
  version integer,
  dek_id uuid,
  at timestamp with time zone,
  actor text,
  commitment bytea,
  command_id text,
  n integer,
  command_mac bytea,
  envelope bytea,
  chain bytea
);

create type append_unit as (
  nth integer,
  account_id uuid,
  stream text,
  project_id uuid,
  seq bigint,
  chain bytea,
  from_seq bigint,
  from_chain bytea,
  state_version integer,
  snapshot bytea,
  snapshot_dek uuid,
  guards integer[]
);

create table accounts (
  id uuid not null,
  one boolean not null default true,
  created_at timestamp with time zone not null default now()
);

create table auth_accounts (
  id text not null,
  user_id text not null,
  account_id text not null,
  provider_id text not null,
  password text,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamp with time zone,
  refresh_token_expires_at timestamp with time zone,
  scope text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now()
);

create table auth_sessions (
  id text not null,
  user_id text not null,
  token text not null,
  expires_at timestamp with time zone not null,
  ip_address text,
  user_agent text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  verified_at timestamp with time zone not null default now()
);

create table auth_setup (
  one boolean not null default true,
  token_hash bytea not null,
  made_at timestamp with time zone not null default now()
);

create table auth_throttle (
  kind text not null,
  slot integer not null,
  level double precision not null default 0,
  at timestamp with time zone not null default clock_timestamp()
);

create table auth_users (
  id text not null,
  name text not null,
  email text not null,
  email_verified boolean not null default false,
  image text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now()
);

create table auth_verifications (
  id text not null,
  identifier text not null,
  value text not null,
  expires_at timestamp with time zone not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now()
);

create table checkpoints (
  size bigint not null,
  note text not null,
  at timestamp with time zone not null default now()
);

create table credit_balances (
  account_id uuid not null,
  last bigint,
  month date not null,
  free bigint not null,
  paid bigint not null
);

create table credit_entries (
  account_id uuid not null,
  nth bigint not null,
  follows bigint,
  at timestamp with time zone not null default clock_timestamp(),
  kind text not null,
  month date not null,
  project_id uuid,
  run_id uuid,
  free_before bigint not null,
  paid_before bigint not null,
  free_after bigint not null,
  paid_after bigint not null
);

create table data_keys (
  account_id uuid not null,
  id uuid not null,
  scope text not null,
  purpose text not null,
  epoch integer not null,
  kek_id text not null,
  kek_version integer not null,
  wrapped bytea not null,
  encryptions bigint not null default 0,
  created_at timestamp with time zone not null default now(),
  retired_at timestamp with time zone,
  former_keks text[] not null default '{}'::text[]
);

create table destroyed_data_keys (
  account_id uuid not null,
  id uuid not null,
  scope text not null,
  purpose text not null,
  epoch integer not null,
  keks text[] not null,
  destroyed_at timestamp with time zone not null default now()
);

create table events (
  account_id uuid not null,
  stream text not null,
  seq bigint not null,
  project_id uuid not null,
  event_id uuid not null,
  type text not null,
  version integer not null,
  dek_id uuid not null,
  at timestamp with time zone not null,
  actor text not null,
  commitment bytea not null,
  command_id text not null,
  n integer not null,
  command_mac bytea not null,
  envelope bytea not null,
  chain bytea not null
);

create table file_meters (
  account_id uuid not null,
  project_id uuid not null,
  files bigint not null default 0,
  bytes bigint not null default 0
);

create table heads (
  account_id uuid not null,
  stream text not null,
  project_id uuid not null,
  seq bigint not null,
  chain bytea not null,
  from_seq bigint not null,
  from_chain bytea not null,
  state_version integer not null,
  snapshot bytea,
  snapshot_dek uuid
);

create table leases (
  name text not null,
  epoch bigint not null default 0,
  holder text not null default ''::text,
  expires_at timestamp with time zone not null default '-infinity'::timestamp with time zone
);

create table log (
  idx bigint not null,
  account_id uuid not null,
  project_id uuid not null,
  stream text not null,
  seq bigint not null,
  type text not null,
  actor text not null,
  at timestamp with time zone not null
);

create table log_state (
  one boolean not null default true,
  size bigint not null default 0,
  epoch bigint not null default 0,
  holder text not null default ''::text,
  expires_at timestamp with time zone not null default '-infinity'::timestamp with time zone
);

create table lookups (
  hash text not null,
  account_id uuid not null,
  project_id uuid not null
);

create table master_keys (
  kek_id text not null,
  kek_version integer not null,
  status text not null default 'open'::text,
  canary bytea,
  first_used_at timestamp with time zone not null default now(),
  changed_at timestamp with time zone not null default now()
);

create table migrations (
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now()
);

create table nodes (
  id text not null,
  started_at timestamp with time zone not null default now(),
  seen_at timestamp with time zone not null default now(),
  log_idx bigint not null default 0,
  master_keys text[],
  forgotten bigint,
  clock_ahead_ms bigint
);

create table outbox (
  id bigint not null generated always as identity,
  account_id uuid not null,
  stream text not null,
  seq bigint not null
);

create table projections (
  view text not null,
  version integer not null,
  slot smallint not null,
  checkpoint bigint not null,
  status text not null,
  error text,
  updated_at timestamp with time zone not null default now()
);

create table run_meters (
  account_id uuid not null,
  project_id uuid not null,
  seconds bigint[] not null default '{}'::bigint[],
  counts integer[] not null default '{}'::integer[],
  open text[] not null default '{}'::text[]
);

create table set_aside_rows (
  account_id uuid not null,
  view text not null,
  slot smallint not null,
  key text not null,
  project_id uuid not null,
  idx bigint not null,
  code text not null,
  at timestamp with time zone not null default now()
);

create table shredded_projects (
  account_id uuid not null,
  project_id uuid not null,
  at timestamp with time zone not null,
  actor text not null,
  keys_at timestamp with time zone,
  done_at timestamp with time zone
);

create table stored_files (
  account_id uuid not null,
  file_id uuid not null,
  project_id uuid not null,
  bytes bigint not null,
  at timestamp with time zone not null default now()
);

create table tree_nodes (
  level smallint not null,
  idx bigint not null,
  hash bytea not null
);

create table tree_state (
  one boolean not null default true,
  size bigint not null default 0,
  alarm jsonb,
  alarm_at timestamp with time zone
);

create table verification (
  one boolean not null default true,
  at timestamp with time zone not null,
  result jsonb not null
);

create table view_rows (
  account_id uuid not null,
  view text not null,
  slot smallint not null,
  key text not null,
  project_id uuid not null,
  sort bigint not null,
  row jsonb not null
);

create table webhook_cursor (
  one boolean not null default true,
  idx bigint not null
);

create table webhook_deliveries (
  account_id uuid not null,
  id uuid not null,
  project_id uuid not null,
  event text not null,
  stream text,
  seq bigint,
  created_at timestamp with time zone not null default now(),
  status text not null,
  attempts integer not null default 0,
  last_attempt integer not null default 3,
  next_at timestamp with time zone,
  tried_at timestamp with time zone,
  response_code integer,
  error text,
  latency_ms integer
);

alter table accounts add constraint accounts_one_check CHECK (one);
alter table accounts add constraint accounts_one_key UNIQUE (one);
alter table accounts add constraint accounts_pkey PRIMARY KEY (id);
alter table auth_accounts add constraint auth_accounts_pkey PRIMARY KEY (id);
alter table auth_accounts add constraint auth_accounts_provider_id_account_id_key UNIQUE (provider_id, account_id);
alter table auth_accounts add constraint auth_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth_users(id) ON DELETE CASCADE;
alter table auth_sessions add constraint auth_sessions_pkey PRIMARY KEY (id);
alter table auth_sessions add constraint auth_sessions_token_key UNIQUE (token);
alter table auth_sessions add constraint auth_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth_users(id) ON DELETE CASCADE;
alter table auth_setup add constraint auth_setup_one_check CHECK (one);
alter table auth_setup add constraint auth_setup_pkey PRIMARY KEY (one);
alter table auth_throttle add constraint auth_throttle_pkey PRIMARY KEY (kind, slot);
alter table auth_users add constraint auth_users_email_key UNIQUE (email);
alter table auth_users add constraint auth_users_pkey PRIMARY KEY (id);
alter table auth_verifications add constraint auth_verifications_pkey PRIMARY KEY (id);
alter table checkpoints add constraint checkpoints_pkey PRIMARY KEY (size);
alter table checkpoints add constraint checkpoints_size_check CHECK ((size > 0));
alter table credit_balances add constraint credit_balances_account_id_last_free_paid_fkey FOREIGN KEY (account_id, last, free, paid) REFERENCES credit_entries(account_id, nth, free_after, paid_after);
alter table credit_balances add constraint credit_balances_check CHECK (((last IS NOT NULL) OR ((free = 0) AND (paid = 0))));
alter table credit_balances add constraint credit_balances_free_check CHECK ((free >= 0));
alter table credit_balances add constraint credit_balances_paid_check CHECK ((paid >= 0));
alter table credit_balances add constraint credit_balances_pkey PRIMARY KEY (account_id);
alter table credit_entries add constraint credit_entries_account_id_follows_free_before_paid_before_fkey FOREIGN KEY (account_id, follows, free_before, paid_before) REFERENCES credit_entries(account_id, nth, free_after, paid_after);
alter table credit_entries add constraint credit_entries_account_id_nth_free_after_paid_after_key UNIQUE (account_id, nth, free_after, paid_after);
alter table credit_entries add constraint credit_entries_check CHECK ((((nth = 1) AND (follows IS NULL) AND (free_before = 0) AND (paid_before = 0)) OR ((nth > 1) AND (follows IS NOT NULL) AND (follows = (nth - 1)))));
alter table credit_entries add constraint credit_entries_check1 CHECK (((run_id IS NOT NULL) = (kind = ANY (ARRAY['reserve'::text, 'settle'::text, 'refund'::text]))));
alter table credit_entries add constraint credit_entries_free_after_check CHECK ((free_after >= 0));
alter table credit_entries add constraint credit_entries_kind_check CHECK ((kind = ANY (ARRAY['grant'::text, 'purchase'::text, 'free_month'::text, 'free_expired'::text, 'reserve'::text, 'settle'::text, 'refund'::text])));
alter table credit_entries add constraint credit_entries_paid_after_check CHECK ((paid_after >= 0));
alter table credit_entries add constraint credit_entries_pkey PRIMARY KEY (account_id, nth);
alter table data_keys add constraint data_keys_account_id_scope_purpose_epoch_key UNIQUE (account_id, scope, purpose, epoch);
alter table data_keys add constraint data_keys_epoch_check CHECK ((epoch > 0));
alter table data_keys add constraint data_keys_pkey PRIMARY KEY (account_id, id);
alter table data_keys add constraint data_keys_purpose_check CHECK ((purpose = ANY (ARRAY['event'::text, 'secret'::text, 'deployment'::text])));
alter table destroyed_data_keys add constraint destroyed_data_keys_pkey PRIMARY KEY (account_id, id);
alter table events add constraint events_account_id_command_id_n_key UNIQUE (account_id, command_id, n);
alter table events add constraint events_pkey PRIMARY KEY (account_id, stream, seq);
alter table file_meters add constraint file_meters_bytes_check CHECK ((bytes >= 0));
alter table file_meters add constraint file_meters_files_check CHECK ((files >= 0));
alter table file_meters add constraint file_meters_pkey PRIMARY KEY (account_id, project_id);
alter table heads add constraint heads_pkey PRIMARY KEY (account_id, stream);
alter table leases add constraint leases_pkey PRIMARY KEY (name);
alter table log add constraint log_account_id_stream_seq_key UNIQUE (account_id, stream, seq);
alter table log add constraint log_idx_check CHECK ((idx >= 0));
alter table log add constraint log_pkey PRIMARY KEY (idx);
alter table log_state add constraint log_state_one_check CHECK (one);
alter table log_state add constraint log_state_pkey PRIMARY KEY (one);
alter table lookups add constraint lookups_pkey PRIMARY KEY (hash);
alter table master_keys add constraint master_keys_kek_version_check CHECK ((kek_version > 0));
alter table master_keys add constraint master_keys_pkey PRIMARY KEY (kek_id, kek_version);
alter table master_keys add constraint master_keys_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text, 'retired'::text])));
alter table migrations add constraint migrations_pkey PRIMARY KEY (name);
alter table nodes add constraint nodes_pkey PRIMARY KEY (id);
alter table outbox add constraint outbox_pkey PRIMARY KEY (id);
alter table projections add constraint projections_pkey PRIMARY KEY (view);
alter table projections add constraint projections_slot_check CHECK ((slot = ANY (ARRAY[0, 1])));
alter table projections add constraint projections_status_check CHECK ((status = ANY (ARRAY['live'::text, 'quarantined'::text])));
alter table run_meters add constraint run_meters_pkey PRIMARY KEY (account_id, project_id);
alter table set_aside_rows add constraint set_aside_rows_pkey PRIMARY KEY (account_id, view, slot, key);
alter table shredded_projects add constraint shredded_projects_pkey PRIMARY KEY (account_id, project_id);
alter table stored_files add constraint stored_files_bytes_check CHECK ((bytes >= 0));
alter table stored_files add constraint stored_files_pkey PRIMARY KEY (account_id, file_id);
alter table tree_nodes add constraint tree_nodes_hash_check CHECK ((octet_length(hash) = 32));
alter table tree_nodes add constraint tree_nodes_idx_check CHECK ((idx >= 0));
alter table tree_nodes add constraint tree_nodes_level_check CHECK ((level >= 0));
alter table tree_nodes add constraint tree_nodes_pkey PRIMARY KEY (level, idx);
alter table tree_state add constraint tree_state_one_check CHECK (one);
alter table tree_state add constraint tree_state_pkey PRIMARY KEY (one);
alter table verification add constraint verification_one_check CHECK (one);
alter table verification add constraint verification_pkey PRIMARY KEY (one);
alter table view_rows add constraint view_rows_pkey PRIMARY KEY (account_id, view, slot, key);
alter table webhook_cursor add constraint webhook_cursor_one_check CHECK (one);
alter table webhook_cursor add constraint webhook_cursor_pkey PRIMARY KEY (one);
alter table webhook_deliveries add constraint webhook_deliveries_account_id_stream_seq_event_key UNIQUE (account_id, stream, seq, event);
alter table webhook_deliveries add constraint webhook_deliveries_check CHECK (((status = 'pending'::text) = (next_at IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_pkey PRIMARY KEY (account_id, id);
alter table webhook_deliveries add constraint webhook_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])));
CREATE INDEX auth_accounts_of_user ON public.auth_accounts USING btree (user_id);
CREATE INDEX auth_sessions_of_user ON public.auth_sessions USING btree (user_id);
CREATE INDEX auth_verifications_of ON public.auth_verifications USING btree (identifier);
CREATE INDEX credit_entries_given ON public.credit_entries USING btree (account_id, nth) WHERE (kind = ANY (ARRAY['grant'::text, 'purchase'::text, 'free_month'::text]));
CREATE INDEX credit_entries_project ON public.credit_entries USING btree (account_id, project_id, at) WHERE (project_id IS NOT NULL);
CREATE INDEX data_keys_kek ON public.data_keys USING btree (kek_id, kek_version);
CREATE INDEX destroyed_data_keys_scope ON public.destroyed_data_keys USING btree (account_id, scope);
CREATE INDEX log_actor ON public.log USING btree (account_id, actor, idx);
CREATE INDEX log_project ON public.log USING btree (account_id, project_id, idx);
CREATE INDEX log_type ON public.log USING btree (account_id, type, idx);
CREATE INDEX stored_files_project ON public.stored_files USING btree (account_id, project_id);
CREATE INDEX view_rows_due ON public.view_rows USING btree (account_id, ((("row" ->> 'dueAt'::text))::bigint)) WHERE ((view = 'held-keys'::text) AND (("row" ->> 'dueAt'::text) IS NOT NULL));
CREATE INDEX view_rows_project ON public.view_rows USING btree (account_id, view, slot, project_id, sort);
CREATE INDEX view_rows_running ON public.view_rows USING btree (account_id, slot) WHERE ((view = 'runs'::text) AND (("row" ->> 'status'::text) = 'running'::text));
CREATE INDEX view_rows_shred ON public.view_rows USING btree (account_id, (((("row" -> 'shred'::text) ->> 'dueAt'::text))::bigint)) WHERE ((view = 'projects'::text) AND ((("row" -> 'shred'::text) ->> 'dueAt'::text) IS NOT NULL));
CREATE INDEX view_rows_sort ON public.view_rows USING btree (account_id, view, slot, sort);
CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (next_at) WHERE (status = 'pending'::text);
CREATE INDEX webhook_deliveries_old ON public.webhook_deliveries USING btree (created_at);
CREATE INDEX webhook_deliveries_project ON public.webhook_deliveries USING btree (account_id, project_id, created_at, id);
CREATE UNIQUE INDEX credit_entries_ended ON public.credit_entries USING btree (account_id, run_id) WHERE (kind = ANY (ARRAY['settle'::text, 'refund'::text]));
CREATE UNIQUE INDEX credit_entries_reserved ON public.credit_entries USING btree (account_id, run_id) WHERE (kind = 'reserve'::text);
CREATE UNIQUE INDEX data_keys_current ON public.data_keys USING btree (account_id, scope, purpose) WHERE (retired_at IS NULL);
grant delete, insert, select on lookups to stewrd_app;
grant delete, insert, select on outbox to stewrd_app;
grant delete, insert, select on stored_files to stewrd_app;
grant delete, insert, select, update on auth_accounts to stewrd_app;
grant delete, insert, select, update on auth_sessions to stewrd_app;
grant delete, insert, select, update on auth_setup to stewrd_app;
grant delete, insert, select, update on auth_throttle to stewrd_app;
grant delete, insert, select, update on auth_users to stewrd_app;
grant delete, insert, select, update on auth_verifications to stewrd_app;
grant delete, insert, select, update on file_meters to stewrd_app;
grant delete, insert, select, update on leases to stewrd_app;
grant delete, insert, select, update on nodes to stewrd_app;
grant delete, insert, select, update on projections to stewrd_app;
grant delete, insert, select, update on set_aside_rows to stewrd_app;
grant delete, insert, select, update on view_rows to stewrd_app;
grant delete, insert, select, update on webhook_deliveries to stewrd_app;
grant insert, select on accounts to stewrd_app;
grant insert, select on checkpoints to stewrd_app;
grant insert, select on credit_entries to stewrd_app;
grant insert, select on events to stewrd_app;
grant insert, select on log to stewrd_app;
grant insert, select on tree_nodes to stewrd_app;
grant insert, select, update on credit_balances to stewrd_app;
grant insert, select, update on data_keys to stewrd_app;
grant insert, select, update on heads to stewrd_app;
grant insert, select, update on master_keys to stewrd_app;
grant insert, select, update on run_meters to stewrd_app;
grant insert, select, update on shredded_projects to stewrd_app;
grant insert, select, update on verification to stewrd_app;
grant select on destroyed_data_keys to stewrd_app;
grant select on migrations to stewrd_app;
grant select, update on log_state to stewrd_app;
grant select, update on tree_state to stewrd_app;
grant select, update on webhook_cursor to stewrd_app;
alter table data_keys enable row level security;
alter table events enable row level security;
alter table heads enable row level security;
alter table data_keys force row level security;
alter table events force row level security;
alter table heads force row level security;
create policy every_project on events for all to stewrd_worker using (true);
create policy every_scope on data_keys for all to stewrd_worker using (true);
create policy every_stream on heads for all to stewrd_worker using (true);
create policy named_projects on events for all to stewrd_app using (((((account_id || '/'::text) || project_id) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[])) OR ((account_id || '/*'::text) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[]))));
create policy named_scopes on data_keys for all to stewrd_app using (((((account_id || '/'::text) || scope) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[])) OR ((account_id || '/*'::text) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[]))));
create policy named_streams on heads for all to stewrd_app using ((((((account_id || '/'::text) || project_id) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[])) OR ((account_id || '/*'::text) = ANY (( SELECT (NULLIF(current_setting('stewrd.projects'::text, true), ''::text))::text[] AS "nullif")::text[]))) AND (( SELECT (COALESCE(current_setting('stewrd.streams'::text, true), ''::text) = ''::text)) OR (((project_id || '/'::text) || stream) = ANY (( SELECT (NULLIF(current_setting('stewrd.streams'::text, true), ''::text))::text[] AS "nullif")::text[])))));

CREATE OR REPLACE FUNCTION public.auth_admit(kinds text[], slots integer[], alternatives integer[], free double precision[], spacing double precision[], most double precision[], per_hour double precision[])
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  wait double precision;
begin
  insert into auth_throttle (kind, slot)
  select b.kind, b.slot from unnest(kinds, slots) as b(kind, slot) order by 1, 2
  on conflict do nothing;
  -- Always in the same order: attempts that share buckets wait for each other, and never for ever.
  perform from auth_throttle t join unnest(kinds, slots) as b(kind, slot) using (kind, slot)
  order by t.kind, t.slot for update of t;
  with buckets as (
    select b.*, extract(epoch from clock_timestamp() - t.at) as idle,
      greatest(0, t.level - extract(epoch from clock_timestamp() - t.at) * b.per_hour / 3600) as level
    from auth_throttle t
    join unnest(kinds, slots, alternatives, free, spacing, most, per_hour)
      as b(kind, slot, alternative, free, spacing, most, per_hour) using (kind, slot)
  ), waits as (
    select alternative, max(case
      -- A quarter of an attempt may be missing: what was counted a moment ago has sunk a little.
      when level + 0.75 <= buckets.free then 0
      else greatest(0, buckets.spacing - idle, (level - buckets.most + 1) * 3600 / buckets.per_hour) end) as wait
    from buckets group by alternative
  )
  select greatest(
    coalesce(max(waits.wait) filter (where alternative = 0), 0),
    coalesce(min(waits.wait) filter (where alternative > 0), 0)) into wait
  from waits;
  if wait = 0 then
    update auth_throttle t set
      level = least(b.most + 1, 1 + greatest(0,
        t.level - extract(epoch from clock_timestamp() - t.at) * b.per_hour / 3600)),
      at = clock_timestamp()
    from unnest(kinds, slots, most, per_hour) as b(kind, slot, most, per_hour)
    where t.kind = b.kind and t.slot = b.slot;
  end if;
  return wait;
end $function$;

CREATE OR REPLACE FUNCTION public.belongs_elsewhere(account uuid, name text, project uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select exists (select from heads where account_id = account and stream = name and project_id <> project)
$function$;

CREATE OR REPLACE FUNCTION public.destroy_secret_key(account uuid, key uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.shred_data_keys(account uuid, project uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
$function$;
