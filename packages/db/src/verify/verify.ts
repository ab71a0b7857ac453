import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { openSnapshot } from '@stewrd/crypto/snapshot.ts'
import { machineTime } from '../clock.ts'
import type { Sql, Tx } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { DataKeyMissing } from '../data-keys.ts'
import { run } from '../db-error.ts'
import { foreignInLog } from '../foreign-events.ts'
import { openEntry } from '../record.ts'
import type { OutsideCheckpoint } from './checkpoints.ts'
import { SignedHeads } from './checkpoints.ts'
import { checkEvent, isSound, sentence } from './events.ts'
import type { Finding } from './findings.ts'
import { Findings, foreignFindings, nameOf } from './findings.ts'
import type { StoredSnapshot } from './heads.ts'
import { checkBeyondHeads, checkHeads, checkShreddings } from './heads.ts'
import { quickLook } from './quick.ts'
import type { Row } from './rows.ts'
import { loggedRows, waitingRows } from './rows.ts'
import { addLeaf, checkInnerNodes, ComputedTree, nodesOf } from './tree.ts'

export type VerifyDeps = {
  sql: Sql
  dataKeys: DataKeys
  /** What this log's checkpoints are signed with. */
  verifierKey: string
  /** Checkpoints found outside the database, with their signatures checked. Look for them before the call. */
  outside: readonly OutsideCheckpoint[]
}
export type VerifyOptions = {
  /** About how many events are opened with their data keys, at random; 20,000 unless told. The newest 1,000 always are. */
  open?: number
  onProgress?: (progress: VerifyProgress) => void
}
/** Rows looked at so far, of about so many. */
export type VerifyProgress = { done: number; total: number }

/** What was looked at, and what is wrong: nothing, if `wrong` is 0. Times are unix milliseconds. */
export type Verified = {
  /** Entries of the log, each with its event; `waiting` have no place in it yet, and `hashed` are in the tree. */
  size: number
  waiting: number
  hashed: number
  /** The newest checkpoint that holds. */
  checkpoint: { size: number; at: number } | null
  /** Events and stream states that were opened with their keys. */
  opened: number
  streams: number
  /** Something was found, or looked as if: then every row was looked at with what stands around it. */
  closer: boolean
  wrong: number
  /** The first ones, in the order of the log. */
  findings: Finding[]
  /**
   * Events that were recorded under another project than the one that their stream belongs to, and the first of them. Nothing about them was
   * changed afterwards: the history holds with them. Absent in what was found by a version that did not look for them.
   */
  foreign?: { count: number; findings: Finding[] }
  ms: number
}

const OPEN = 20_000
const NEWEST = 1_000

export type Run = Pick<VerifyDeps, 'sql' | 'dataKeys'> & {
  tx: Tx
  findings: Findings
  sizes: Sizes
  open: (index: number) => boolean
  /** Events that could not be opened: to be opened again. */
  suspects: Set<number>
  counts: { waiting: number; opened: number; streams: number }
  saw: (rows: number) => void
}
/** `now`: by the database's clock or this machine's, whichever is later. */
type Sizes = { size: number; hashed: number; signed: number; heads: number; now: number }

/**
 * Recomputes every chain and the whole tree from what is stored, and compares them with heads, log, checkpoints and the checkpoints
 * outside, at one moment of the database; writers wait for nothing. Needs no key but to open a sample. docs/ARCHITECTURE.md.
 */
export async function verifyHistory(deps: VerifyDeps, options: VerifyOptions = {}): Promise<Verified> {
  const began = performance.now()
  const findings = new Findings()
  const done = await run(
    deps.sql.begin('isolation level repeatable read read only', async (tx) => {
      await tx`set local statement_timeout = 0`
      const sizes = await sizesOf(tx)
      const all = prepare(deps, tx, sizes, findings, options)
      const sound = await quickLook(all, deps)
      const checkpoint = sound ? sound.checkpoint : await lookCloser(all, deps)
      if (sound) Object.assign(all.counts, { waiting: sound.waiting, opened: sound.opened })
      // From here on whole tables are compared.
      await tx.unsafe('set local enable_seqscan = on')
      await checkHeads(
        tx,
        (snapshot, lastDekId) => openState(all, snapshot, lastDekId),
        findings,
        (rows) => {
          all.counts.streams += rows
          all.saw(rows)
        },
      )
      if (!sound) await checkBeyondHeads(tx, findings)
      findings.foreign.push(...(await foreignInLog(tx)))
      await checkShreddings(tx, findings)
      return { size: sizes.size, hashed: sizes.hashed, checkpoint, closer: !sound, ...all.counts }
    }),
  )
  const foreign = { count: findings.foreign.length, findings: foreignFindings(findings.foreign) }
  const ms = Math.round(performance.now() - began)
  return { ...done, wrong: findings.count, findings: findings.first(), foreign, ms }
}

async function sizesOf(tx: Tx): Promise<Sizes> {
  const [sizes] = await tx<Sizes[]>`
    select l.size, t.size as hashed, (select count(*) from heads) as heads,
      (select coalesce(max(size), 0) from checkpoints) as signed,
      (extract(epoch from clock_timestamp()) * 1000)::double precision as now
    from log_state l, tree_state t`
  return { ...sizes!, now: Math.max(sizes!.now, machineTime()) }
}

function prepare(
  { sql, dataKeys }: VerifyDeps,
  tx: Tx,
  sizes: Sizes,
  findings: Findings,
  { open = OPEN, onProgress = () => {} }: VerifyOptions,
): Run {
  const share = Math.max(0, open - NEWEST) / Math.max(1, sizes.size - NEWEST)
  const total = sizes.size + nodesOf(sizes.hashed) + sizes.heads
  const suspects = new Set<number>()
  let done = 0
  const saw = (rows: number) => {
    done += rows
    // Of a damaged tree there may be more, or fewer.
    onProgress({ done: Math.min(done, total), total })
  }
  saw(0)
  return {
    tx,
    sql,
    dataKeys,
    sizes,
    findings,
    saw,
    counts: { waiting: 0, opened: 0, streams: 0 },
    suspects,
    open: (index) => index >= sizes.size - NEWEST || suspects.has(index) || Math.random() < share,
  }
}

/** Finds out what is wrong, and where: the rows in the order of the log, each with what stands around it. */
async function lookCloser(all: Run, deps: VerifyDeps): Promise<Verified['checkpoint']> {
  const { tx, sizes, findings, saw } = all
  // A stream of rows from indexes: nothing is sorted or gathered first.
  await tx.unsafe('set local enable_sort = off; set local enable_hashjoin = off; set local enable_memoize = off')
  const checkpoint = await checkLog(all, deps)
  await checkInnerNodes(tx, sizes.hashed, findings, saw)
  await tx.unsafe('set local enable_sort = on; set local enable_hashjoin = on')
  return checkpoint
}

async function checkLog(all: Run, deps: VerifyDeps): Promise<Verified['checkpoint']> {
  const { tx, findings, sizes, saw } = all
  const tree = new ComputedTree()
  const signed = new SignedHeads(deps, sizes, findings)
  let next = await signed.next()
  let expected = 0
  for await (const rows of loggedRows(tx)) {
    for (const row of rows) {
      tree.explained ||= row.index !== expected
      expected = checkPlace(row, expected, findings)
      await checkRow(all, row)
      addLeaf(tree, row, sizes.hashed, findings)
      const at = (row.sealed && row.at) ?? 0
      signed.saw(at)
      if (tree.size < next) continue
      await signed.compare(tree, at)
      next = await signed.next()
    }
    saw(rows.length)
  }
  if (expected !== sizes.size)
    findings.add('LOG_HOLE', `The log has ${expected} entries, and says that it has ${sizes.size}.`, {
      index: Math.min(expected, sizes.size),
    })
  if (sizes.hashed > expected)
    findings.add(
      'TREE_WRONG',
      `The log's tree says that it has ${sizes.hashed} entries, and the log has ${expected}.`,
      {
        index: expected,
      },
    )
  signed.end(tree.size, sizes.signed)
  for await (const rows of waitingRows(tx)) {
    for (const row of rows) await checkRow(all, row)
    all.counts.waiting += rows.length
  }
  return signed.newest
}

/** Entries follow each other without a hole. Returns the place that must come next. */
function checkPlace(row: Row, expected: number, findings: Findings): number {
  const { index } = row
  if (index! > expected) {
    const range =
      index! - 1 === expected
        ? `Entry ${expected} of the log is`
        : `Entries ${expected} to ${index! - 1} of the log are`
    findings.add('LOG_HOLE', `${range} missing, before ${nameOf(row.place)}.`, { index: expected })
  }
  return index! + 1
}

async function checkRow(all: Run, row: Row): Promise<void> {
  const checked = await checkEvent(all.sql, row, all.findings)
  if (!checked || !all.open(row.index ?? Number.POSITIVE_INFINITY)) return
  all.counts.opened += 1
  const { unreadable } = await openEntry(all.dataKeys, checked.event())
  if (isSound(unreadable)) return
  all.findings.add('EVENT_UNREADABLE', `${sentence(nameOf(row.place))} cannot be opened (${unreadable}).`, {
    event: row.place,
  })
}

async function openState(all: Run, snapshot: StoredSnapshot, lastDekId: string): Promise<string | undefined> {
  all.counts.opened += 1
  const why = await problemWith(all, snapshot)
  if (why === undefined) return undefined
  const { accountId, projectId, dekId } = snapshot
  const [own, last] = await Promise.all([dekId, lastDekId].map((id) => all.dataKeys.ownerOf(accountId, id)))
  // After an event that was recorded under another project the state is sealed under that too.
  const isForeign = own !== undefined && own.scope === last?.scope && own.scope !== projectId
  if (!isForeign) return why
  return own.shredded ? undefined : problemWith(all, { ...snapshot, projectId: own.scope })
}

async function problemWith({ dataKeys }: Run, { sealed, ...aad }: StoredSnapshot): Promise<string | undefined> {
  try {
    openSnapshot(await dataKeys.byId(aad.accountId, aad.projectId, aad.dekId), aad, sealed)
    return undefined
  } catch (error) {
    if (error instanceof EnvelopeError) return `it was changed, or belongs elsewhere (${error.code})`
    if (error instanceof DataKeyMissing) return 'its data key is missing'
    throw error
  }
}
