import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readHomeInfo } from '@stewrd/db/embedded/home.ts'
import { isAlive } from '@stewrd/db/embedded/process.ts'
import { foreignInThings, foreignSentence } from '@stewrd/db/foreign-events.ts'
import { dueHeldKeys } from '@stewrd/db/held-keys.ts'
import { treeState } from '@stewrd/db/log-tree/checkpoints.ts'
import type { Env } from '../env.ts'
import { readEnv } from '../env.ts'
import { findDiskProblem } from '../kernel/disk-watch.ts'
import { createLogger, errorFields } from '../kernel/log.ts'
import { NOT_KEPT } from '../log/signer.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import { clockMessage, offBy } from './clock-message.ts'
import { databaseDiagnoses } from './database.ts'
import { setAsideOf, stoppedBy } from './stopped-view.ts'

/** Events that are named one by one. */
const NAMED = 5

/** One thing that was looked at. `mend` says what to do about it when it is not `ok`. */
export type Diagnosis = { check: string; ok: boolean; found: string; mend?: string }

/** Looks at everything that must hold, in the order in which a start needs it; what cannot be looked at any more is left out. */
export async function diagnose(): Promise<Diagnosis[]> {
  const done: Diagnosis[] = []
  const env = await step(
    done,
    'configuration',
    async () => readEnv(),
    () => 'every variable can be used',
  )
  if (!env) return done
  done.push(await home(env), await server(env))
  const log = createLogger({ production: true, logLevel: 'silent' })
  const platform = await step(
    done,
    'database and keyring',
    () => createPlatform(env, { as: 'command', log }),
    () => `the database answers, is migrated, and the keyring opens it`,
  )
  if (!platform) return done
  try {
    done.push(
      await clocks(platform),
      ...(await databaseDiagnoses(platform)),
      await logged(platform),
      await ownership(platform),
      await signed(platform),
      ...(await views(platform)),
      await replacedKeys(platform),
      await owner(platform),
      model(platform),
    )
  } finally {
    await platform.close()
  }
  return done
}

async function step<T>(done: Diagnosis[], check: string, work: () => Promise<T>, found: (value: T) => string) {
  try {
    const value = await work()
    done.push({ check, ok: true, found: found(value) })
    return value
  } catch (error) {
    const { name, message, code } = errorFields(error)
    const said = typeof message === 'string' ? message : [name, code].filter(Boolean).join(' ')
    done.push({ check, ok: false, found: said, mend: 'Mend this first; what comes after depends on it.' })
    return undefined
  }
}

async function home({ home: path, anchorDir }: Env): Promise<Diagnosis> {
  const keyring = await stat(join(path, 'keyring.json')).catch(() => undefined)
  if (!keyring) return { check: 'home', ok: true, found: `${path} has no keyring yet: nothing was started here` }
  const disk = await findDiskProblem([path, anchorDir])
  if (disk) return { check: 'home', ok: false, found: `${disk.folder} cannot be written`, mend: disk.message }
  const open = (keyring.mode & 0o077) !== 0
  if (!open) return { check: 'home', ok: true, found: `${path}, and its keyring is its owner's alone` }
  const mend = `Run: chmod 600 ${join(path, 'keyring.json')}`
  return { check: 'home', ok: false, found: `others may read the keyring in ${path}`, mend }
}

async function server({ home: path }: Env): Promise<Diagnosis> {
  const info = await readHomeInfo(path)
  const alive = info && (await isAlive(info))
  const found = alive
    ? `runs at ${info.url ?? 'an address that is not known yet'} (process ${info.pid})`
    : 'does not run'
  return { check: 'server', ok: true, found }
}

/** This machine's clock and those of the nodes that are alive. */
async function clocks({ clock, nodes, sql }: Platform): Promise<Diagnosis> {
  const check = 'clock'
  const [own, others] = [await clock.measure(sql), await nodes.clocksOff()]
  const of = others.map(({ node, aheadMs }) => `The clock of node ${node} is ${offBy(aheadMs)} the database's.`)
  const found = [clockMessage(own), ...of].join(' ')
  if (!own.off && others.length === 0) return { check, ok: true, found }
  return { check, ok: false, found, mend: 'Synchronise the clocks of the machines and of the database (NTP).' }
}

/** The log is dense from 0: a hole would mean that something was lost. */
async function logged({ sql, history }: Platform): Promise<Diagnosis> {
  const [size, [row]] = await Promise.all([
    history.size(),
    sql<{ count: number; waiting: number }[]>`
      select (select count(*) from log) as count, (select count(*) from outbox) as waiting`,
  ])
  const { count = 0, waiting = 0 } = row ?? {}
  const found = `${count} events, ${waiting} waiting for their place`
  if (count >= size) return { check: 'log', ok: true, found }
  return {
    check: 'log',
    ok: false,
    found: `${size - count} events are missing from the log`,
    mend: 'Restore a backup.',
  }
}

/** An earlier version let a command of one project change a file or session of another. Nothing can be done about it, and nothing has to be. */
async function ownership({ worker: sql }: Platform): Promise<Diagnosis> {
  const check = 'ownership'
  const events = await foreignInThings(sql)
  if (events.length === 0) return { check, ok: true, found: 'every file and session was changed by its own project' }
  const named = events.slice(0, NAMED).map(foreignSentence).join(' ')
  const more = events.length > NAMED ? ` And ${events.length - NAMED} more.` : ''
  const found = `${named}${more} Such events change nothing, and proofs show them: docs/formats/bundle.md, "Events of another project".`
  return { check, ok: true, found }
}

/** The log goes on from every checkpoint that is known, in files, anchors and database. */
async function signed({ sql, publicLog }: Platform): Promise<Diagnosis> {
  const check = 'log signature'
  const [found, { size, alarm: raised }] = await Promise.all([publicLog.examine(), treeState(sql)])
  const alarm = found ?? raised
  const upTo = (await publicLog.published.refresh())?.size ?? 0
  if (!alarm) return { check, ok: true, found: `${upTo} of ${size} entries are signed, and the log goes on from them` }
  if (alarm.code === NOT_KEPT)
    return { check, ok: false, found: alarm.message, mend: 'Mend the disk: signing goes on by itself.' }
  const mend =
    'Nothing is signed until the database goes on from what was signed: docs/formats/log.md, "When the signer stops".'
  return { check, ok: false, found: alarm.message, mend }
}

/** Views are brought up to date for so long before they are looked at, where no server does that. */
const PROJECTING_MS = 15_000

async function views({ views, projector }: Platform): Promise<Diagnosis[]> {
  // A view that has stopped is tried again: it must not be called well, or ill, before that.
  await Promise.race([projector.drain().catch(() => {}), wait(PROJECTING_MS, undefined, { ref: false })])
  const setAside = await views.setAside()
  return (await views.status()).map((status) => {
    const check = `view ${status.view}`
    const stopped = stoppedBy(status)
    const aside = setAsideOf(status.view, setAside.get(status.view))
    if (!stopped && aside) {
      const rows = aside.rows.map((row) => `row ${row.key} at event ${row.index} (${row.code})`).join(', ')
      return {
        check,
        ok: false,
        found: `${aside.count} ${aside.count === 1 ? 'row is' : 'rows are'} set aside, ${rows}: ${aside.why}`,
        mend: aside.mend,
      }
    }
    return stopped
      ? { check, ok: false, found: `stopped at event ${stopped.at}: ${stopped.why}`, mend: stopped.mend }
      : { check, ok: true, found: status.lag > 0 ? `${status.lag} events behind` : 'up to date' }
  })
}

/** Longer than a shared data key is closed before it is destroyed. */
const DESTROYED_WITHIN_MS = 15 * 60_000

/** Replaced provider keys are destroyed in time. */
async function replacedKeys({ sql, accountId, now }: Platform): Promise<Diagnosis> {
  const check = 'replaced keys'
  const late = await dueHeldKeys(sql, accountId, now() - DESTROYED_WITHIN_MS)
  if (late.length === 0) return { check, ok: true, found: 'none is kept for longer than it should be' }
  const found = `${late.length} project${late.length === 1 ? ' keeps' : 's keep'} a replaced key that should be destroyed`
  return { check, ok: false, found, mend: 'Start the server: it destroys them. If they stay, its log says why.' }
}

async function owner({ setup }: Platform): Promise<Diagnosis> {
  const found = (await setup.ownerExists()) ? 'there is one' : 'there is none yet: open the link that `start` prints'
  return { check: 'owner account', ok: true, found }
}

function model({ fallback }: Platform): Diagnosis {
  const check = 'model for projects without a key'
  if (fallback.source === 'default') return { check, ok: true, found: fallback.model }
  if (fallback.source === 'demo') return { check, ok: true, found: 'the built-in demo model, which is no real model' }
  return {
    check,
    ok: true,
    found: 'none: such projects cannot run. Set STEWRD_DEFAULT_API_KEY and STEWRD_DEFAULT_MODEL',
  }
}
