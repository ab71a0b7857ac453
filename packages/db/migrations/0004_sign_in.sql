-- Code from before keeps working.

-- Accounts of people, kept by better-auth. Ids and times are its own; names are ours.
create table auth_users (
  id text primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null default false,
  image text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- `token` is a hash: a dump of this table signs nobody in.
create table auth_sessions (
  id text primary key,
  user_id text not null references auth_users (id) on delete cascade,
  token text not null unique,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index auth_sessions_of_user on auth_sessions (user_id);

-- How somebody signs in. `password` is a salted scrypt hash.
create table auth_accounts (
  id text primary key,
  user_id text not null references auth_users (id) on delete cascade,
  account_id text not null,
  provider_id text not null,
  password text,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider_id, account_id)
);
create index auth_accounts_of_user on auth_accounts (user_id);

create table auth_verifications (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index auth_verifications_of on auth_verifications (identifier);

-- The one-time link to the owner's account: a hash of its token, from the newest start. Gone once used.
create table auth_setup (
  one boolean primary key default true check (one),
  token_hash bytea not null,
  made_at timestamptz not null default now()
);

grant select, insert, update, delete on auth_users, auth_sessions, auth_accounts, auth_verifications, auth_setup to stewrd_app;
