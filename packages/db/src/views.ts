import type { Sql } from './connect.ts'
import { runWithin } from './db-error.ts'

export type ListOptions = {
  projectId?: string
  /** 50 unless told. */
  limit?: number
  /** `next` of the page before. */
  before?: number
  /** Fields of a row that must be so. */
  where?: Readonly<Record<string, string>>
}

export type Page<Row> = { rows: Row[]; next?: number }

export type ViewStatus = {
  view: string
  version: number
  /** Events of the log it has seen, and how many it has not. */
  checkpoint: number
  lag: number
  status: 'live' | 'quarantined'
  error: string | null
  updatedAt: number
}

/** A row that the database refused (SQLSTATE `code`): readers see it as it was before the event at `index` of the log. `at`: unix milliseconds. */
export type SetAsideRow = { view: string; key: string; projectId: string; index: number; code: string; at: number }
/** Most of them that are told of each. */
const MOST_SET_ASIDE = 20

/** Read models, by view name. What is read is one moment of one build of the view, also while it is rebuilt. */
export class Views {
  readonly #sql: Sql
  constructor(sql: Sql) {
    this.#sql = sql
  }

  async get<Row>(view: string, accountId: string, key: string): Promise<Row | undefined> {
    const [found] = await runWithin(this.#sql<{ row: Row }[]>`
      select r.row from projections p join view_rows r using (view, slot)
      where p.view = ${view} and r.account_id = ${accountId} and r.key = ${key}`)
    return found?.row
  }

  /** Newest row first, by the event that made it. */
  async list<Row>(
    view: string,
    accountId: string,
    { projectId, limit = 50, before, where = {} }: ListOptions = {},
  ): Promise<Page<Row>> {
    const sql = this.#sql
    const found = await runWithin(sql<{ row: Row; sort: number }[]>`
      select r.row, r.sort from projections p join view_rows r using (view, slot)
      where p.view = ${view} and r.account_id = ${accountId}
        ${projectId === undefined ? sql`` : sql`and r.project_id = ${projectId}`}
        ${Object.keys(where).length === 0 ? sql`` : sql`and r.row @> ${sql.json(where)}`}
        ${before === undefined ? sql`` : sql`and r.sort < ${before}`}
      order by r.sort desc limit ${limit + 1}`)
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return { rows: page.map((f) => f.row), ...(found.length > limit && last ? { next: last.sort } : {}) }
  }

  /** The different values of some fields among the newest rows of a project. */
  async facets<F extends string>(
    view: string,
    accountId: string,
    { projectId, fields, among }: { projectId: string; fields: readonly F[]; among: number },
  ): Promise<Record<F, string[]>> {
    const sql = this.#sql
    const found = await runWithin(sql<{ field: F; value: string }[]>`
      select distinct f.field, newest.row ->> f.field as value
      from (
        select r.row from projections p join view_rows r using (view, slot)
        where p.view = ${view} and r.account_id = ${accountId} and r.project_id = ${projectId}
        order by r.sort desc limit ${among}
      ) newest, unnest(${[...fields]}::text[]) f (field)
      where newest.row ->> f.field is not null order by 1, 2`)
    const values = (field: F) => found.filter((one) => one.field === field).map(({ value }) => value)
    return Object.fromEntries(fields.map((field) => [field, values(field)])) as Record<F, string[]>
  }

  /** The rows of each view that are set aside, the newest first: how many, and the first 20. */
  async setAside(): Promise<ReadonlyMap<string, { count: number; rows: SetAsideRow[] }>> {
    const found = await runWithin(this.#sql<(Omit<SetAsideRow, 'at'> & { at: Date; count: number })[]>`
      select * from (
        select a.view, a.key, a.project_id as "projectId", a.idx as index, a.code, a.at,
          count(*) over (partition by a.view) as count, row_number() over (partition by a.view order by a.idx desc) as nth
        from set_aside_rows a join projections p using (view, slot)
      ) rows where nth <= ${MOST_SET_ASIDE} order by view, nth`)
    const byView = Map.groupBy(found, ({ view }) => view)
    return new Map(
      [...byView].map(([view, rows]) => {
        const told = rows.map(({ key, projectId, index, code, at }) => ({
          view,
          key,
          projectId,
          index,
          code,
          at: at.getTime(),
        }))
        return [view, { count: rows[0]!.count, rows: told }]
      }),
    )
  }

  /** How far each view is, and whether it stopped. */
  async status(): Promise<ViewStatus[]> {
    const rows = await runWithin(this.#sql<(Omit<ViewStatus, 'updatedAt'> & { updatedAt: Date })[]>`
      select view, version, checkpoint, s.size - checkpoint as lag, status, error, updated_at as "updatedAt"
      from projections, log_state s order by view`)
    return rows.map((row) => ({ ...row, updatedAt: row.updatedAt.getTime() }))
  }
}
