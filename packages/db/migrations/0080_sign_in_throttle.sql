-- Code from before keeps working.

-- Attempts with a password, counted by what they came from. `slot` is a keyed hash of a person, address or device, cut to 16 bits: the
-- table never has more than 65,536 rows of a kind, and names nobody. `level` is the count at `at`; it sinks with time.
create table auth_throttle (
  kind text not null,
  slot integer not null,
  level double precision not null default 0,
  at timestamptz not null default clock_timestamp(),
  primary key (kind, slot)
);
grant select, insert, update, delete on auth_throttle to stewrd_app;

-- Counts an attempt in every bucket and returns 0, or counts nothing and returns the seconds to wait. A bucket takes `free` attempts at
-- once, then one each `spacing` seconds as long as it holds fewer than `most`, and forgets `per_hour`. An attempt needs every bucket of
-- alternative 0, and all of at least one other alternative.
create function auth_admit(
  kinds text[], slots integer[], alternatives integer[],
  free double precision[], spacing double precision[], most double precision[], per_hour double precision[]
) returns double precision language plpgsql as $$
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
end $$;

-- When the password of this session's person was entered last.
alter table auth_sessions add column verified_at timestamptz not null default now();
update auth_sessions set verified_at = created_at;
