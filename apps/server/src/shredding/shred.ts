import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { DatabaseClock } from '@stewrd/db/clock.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import * as db from '@stewrd/db/shredding/shredding.ts'
import { folderOf } from '../files/service.ts'
import type { FileStorage } from '../files/storage.ts'
import type { Nodes } from '../system/nodes.ts'
import type { Forgetting } from './forgetting.ts'

/** In this order. Whoever dies after one of them, the next server that looks does the rest; each may be done again without effect. */
export const shredSteps = ['recorded', 'closed', 'destroyed', 'forgotten', 'states', 'rows', 'files', 'proved'] as const
export type ShredStep = (typeof shredSteps)[number]

/** What shredding works with. A `Platform` is one. */
export type Shredder = {
  worker: Sql
  store: EventStore
  nodes: Pick<Nodes, 'notForgotten'>
  forgetting: Forgetting
  files: { storage: Pick<FileStorage, 'removeAll' | 'count'> }
  accountId: string
  clock: Pick<DatabaseClock, 'now' | 'dueTime'>
}
export type ShredOptions = {
  actor: string
  /** Skips what is left of the delay. */
  early: boolean
  onStep?: (step: ShredStep) => void
}

/** A dead server counts as alive for 15 seconds. */
const PATIENCE_MS = 20_000

/** Records that the project is shredded, and then destroys it. Refused while nobody asked for it, or its time has not come. */
export async function shredProject(shredder: Shredder, projectId: string, options: ShredOptions): Promise<void> {
  const { accountId, worker: sql } = shredder
  if (!(await db.recordedShredding(sql, accountId, projectId))) await record(shredder, projectId, options)
  options.onStep?.('recorded')
  await finishShredding(shredder, projectId, options)
}

async function record({ store, accountId, clock }: Shredder, projectId: string, { actor, early }: ShredOptions) {
  const stream = { accountId, projectId, stream: projectStream(projectId) }
  const command = { type: 'ShredProject', now: clock.now(), early } as const
  // Not for ever the same: a request may be cancelled, and another be made.
  const { revision } = await store.head(projects, stream)
  await store.execute(projects, stream, command, { commandId: `shred:${projectId}:${revision}`, actor })
}

/** Destroys what is left of a project whose shredding is recorded: keys first, then what was derived from them. */
export async function finishShredding(
  shredder: Shredder,
  projectId: string,
  { onStep = () => {} }: Pick<ShredOptions, 'onStep'> = {},
): Promise<void> {
  const { worker: sql, accountId } = shredder
  const { storage } = shredder.files
  const recorded = await db.recordedShredding(sql, accountId, projectId)
  if (!recorded) throw new Refusal('SHRED_NOT_REQUESTED', { projectId })
  await db.closeProject(sql, accountId, projectId, recorded)
  onStep('closed')
  await db.destroyDataKeys(sql, accountId, projectId)
  onStep('destroyed')
  await forgottenEverywhere(shredder)
  onStep('forgotten')
  // Nobody can seal a state or fold a row of it any more, so what is dropped now stays away.
  await db.dropStates(sql, accountId, projectId)
  onStep('states')
  await db.dropRows(sql, accountId, projectId)
  onStep('rows')
  await storage.removeAll(folderOf(accountId, projectId))
  onStep('files')
  const rows = await db.remainsOf(sql, accountId, projectId)
  const left = { ...rows, files: await storage.count(folderOf(accountId, projectId)) }
  if (Object.values(left).some((count) => count > 0)) throw new ShreddingUnfinished(left)
  await db.markDone(sql, accountId, projectId)
  onStep('proved')
}

/** Every server says with each beat what it has forgotten. */
async function forgottenEverywhere({ nodes, forgetting }: Shredder): Promise<void> {
  const count = await forgetting.look()
  for (const until = performance.now() + PATIENCE_MS; ; await wait(250)) {
    const late = await nodes.notForgotten(count)
    if (late.length === 0) return
    if (performance.now() > until) throw new ShreddingUnfinished({ servers: late.length })
  }
}

/** Something of the project is left. It is tried again. */
export class ShreddingUnfinished extends Error {
  override readonly name = 'ShreddingUnfinished'
  constructor(left: Readonly<Record<string, number>>) {
    const what = Object.entries(left).filter(([, count]) => count > 0)
    super(`Of the project is left: ${what.map(([name, count]) => `${count} ${name}`).join(', ')}. It is tried again.`)
  }
}
