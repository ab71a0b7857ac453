import postgres from 'postgres'

/** Moves the clock of a test's database, for connections that are made after this call: all that is asked for the time answers with it. */
export async function movableClock(url: string): Promise<{ moveTo(secondsAhead: number): Promise<void> }> {
  const moveTo = (seconds: number) =>
    asOwner(url, (sql) =>
      Promise.all(
        ['now', 'clock_timestamp'].map((name) =>
          sql.unsafe(`
            create or replace function public.${name}() returns timestamptz language sql volatile as
            $$ select pg_catalog.${name}() + interval '${seconds} seconds' $$`),
        ),
      ),
    )
  await moveTo(0)
  // What stands in `public` is found before the functions of the same name in `pg_catalog`.
  await asOwner(url, (sql) =>
    sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = public, pg_catalog`),
  )
  return { moveTo }
}

async function asOwner(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
