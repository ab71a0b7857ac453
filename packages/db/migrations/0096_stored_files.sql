-- Old code keeps working: what it stores and removes is not counted.

-- Every file of a project that is stored, or is being: the row is made before the event and goes after it. What a crash leaves of either is
-- found by the file's stream.
create table stored_files (
  account_id uuid not null,
  file_id uuid not null,
  project_id uuid not null,
  bytes bigint not null check (bytes >= 0),
  at timestamptz not null default now(),
  primary key (account_id, file_id)
);
create index stored_files_project on stored_files (account_id, project_id);

-- Their sums, changed by the statements that change the rows.
create table file_meters (
  account_id uuid not null,
  project_id uuid not null,
  files bigint not null default 0 check (files >= 0),
  bytes bigint not null default 0 check (bytes >= 0),
  primary key (account_id, project_id)
) with (fillfactor = 50);

insert into stored_files (account_id, file_id, project_id, bytes)
select r.account_id, r.key::uuid, r.project_id, (r.row ->> 'bytes')::bigint
from projections p join view_rows r using (view, slot) where p.view = 'files';
insert into file_meters (account_id, project_id, files, bytes)
select account_id, project_id, count(*), sum(bytes) from stored_files group by 1, 2;

grant select, insert, delete on stored_files to stewrd_app;
grant select, insert, update, delete on file_meters to stewrd_app;
