import type { Sql } from '../connect.ts'

/** The schema as text, from the catalog: row types, tables with columns, then constraints, indexes and grants. The same for every Postgres. */
export async function dumpSchema(sql: Sql): Promise<string> {
  const tables = await sql<{ table: string; columns: string }[]>`
    select c.relname as table, string_agg(
      '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attnotnull then ' not null' else '' end
        || case when a.attidentity <> '' then ' generated always as identity' else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), E',\n' order by a.attnum) as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') group by 1 order by 1`
  const types = await sql<{ type: string; columns: string }[]>`
    select c.relname as type, string_agg('  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), E',\n' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'c' group by 1 order by 1`
  const rest = await sql<{ line: string }[]>`
    select line from (
      select 1 as part, format('alter table %s add constraint %s %s;', conrelid::regclass, conname, pg_get_constraintdef(oid)) as line
      from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'c', 'f')
      union all
      select 2, pg_get_indexdef(i.indexrelid) || ';' from pg_index i join pg_class c on c.oid = i.indexrelid
      where c.relnamespace = 'public'::regnamespace and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
      union all
      select 3, format('grant %s on %s to stewrd_app;', string_agg(lower(privilege_type), ', ' order by privilege_type), table_name)
      from information_schema.role_table_grants where grantee = 'stewrd_app' and table_schema = 'public' group by table_name
      union all
      select 4, format('alter table %s enable row level security;', relname)
      from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity
      union all
      select 5, format('alter table %s force row level security;', relname)
      from pg_class where relnamespace = 'public'::regnamespace and relforcerowsecurity
      union all
      select 6, format('create policy %s on %s for %s to %s using (%s)%s;', policyname, tablename, lower(cmd), array_to_string(roles, ', '),
        qual, coalesce(' with check (' || with_check || ')', ''))
      from pg_policies where schemaname = 'public'
    ) parts order by part, line collate "C"`
  const functions = await sql<{ definition: string }[]>`
    select pg_get_functiondef(oid) as definition from pg_proc where pronamespace = 'public'::regnamespace order by proname`
  const creates = [
    ...types.map(({ type, columns }) => `create type ${type} as (\n${columns}\n);\n`),
    ...tables.map(({ table, columns }) => `create table ${table} (\n${columns}\n);\n`),
  ]
  return `${creates.join('\n')}\n${rest.map((r) => r.line).join('\n')}\n\n${functions.map((f) => `${f.definition.trim()};`).join('\n\n')}\n`
}
