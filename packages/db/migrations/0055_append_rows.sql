-- Old code keeps working: it does not know these types.

-- What a statement that appends for several streams is given, as arrays in Postgres' binary format: a row is read in one go, where an
-- array for each column is read, kept and joined column by column. The columns are those of heads and events; `nth` is the unit's number.
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

create type append_record as (
  nth integer,
  seq bigint,
  event_id uuid,
  type text,
  version integer,
  dek_id uuid,
  at timestamptz,
  actor text,
  commitment bytea,
  command_id text,
  n integer,
  command_mac bytea,
  envelope bytea,
  chain bytea
);
