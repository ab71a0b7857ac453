/** What every statement of the server relies on. Each is a setting of its login, or a startup parameter where it has no login of its own. */
export const sessionSettings = {
  TimeZone: 'UTC',
  statement_timeout: 60_000,
  // A plan is made once for a connection, often when the tables are still empty, and must be right when they are large.
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
} as const
