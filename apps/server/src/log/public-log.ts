import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { BundleSeal } from '@stewrd/crypto/bundle-seal.ts'
import { signBundle } from '@stewrd/crypto/bundle-seal.ts'
import type { NoteSigner } from '@stewrd/crypto/signed-note.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import type { DatabaseClock } from '@stewrd/db/clock.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import type { LogAlarm } from '@stewrd/db/log-tree/checkpoints.ts'
import { LogTree } from '@stewrd/db/log-tree/log-tree.ts'
import { LogDamaged } from '@stewrd/db/log-tree/nodes.ts'
import type { Lease } from '@stewrd/db/sequencer.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Logger } from 'pino'
import type { Env } from '../env.ts'
import { checkpointFiles } from './checkpoint-files.ts'
import type { Witness } from './examine.ts'
import { Published } from './published.ts'
import { Signer } from './signer.ts'
import { anchorWebhook } from './webhook.ts'

/** The log as outsiders check it. */
export type PublicLog = {
  /** Its name in every checkpoint. */
  origin: string
  /** What others check its signatures with: `name+id+key`. */
  verifierKey: string
  published: Published
  /** Whether the log goes on from everything that was signed. */
  examine(): Promise<LogAlarm | undefined>
  /** The newest checkpoints outside the database. Throws LogRefused for one that this log did not sign. */
  outside(): Promise<Witness[]>
  /** The end of a proof bundle, signed with the log's key. */
  sealBundle(content: BundleSeal): string
}
export type RunningPublicLog = PublicLog & {
  /** The log has grown. */
  poke(): void
  stop(): Promise<void>
}

/** What was logged last is signed before a stop, if the database answers within this time. */
const STOP_WITHIN_MS = 1_000

type Options = {
  sql: Sql
  clock: Pick<DatabaseClock, 'standing'>
  dataKeys: DataKeys
  accountId: string
  env: Pick<Env, 'home' | 'anchorDir' | 'anchorWebhook'>
  lease: () => Lease | undefined
  egress: Egress
  log: Logger
}

/** What this log's checkpoints are signed with: made from the deployment's key, which is stored wrapped under the master key, docs/adr/0005. */
export async function logKey(dataKeys: DataKeys, accountId: string): Promise<NoteSigner> {
  return logKeyOf(`stewrd/log/${accountId}`, await dataKeys.deploymentKey(LOG_SIGNER))
}

/** What the log's key is derived from the deployment's key for. */
export const LOG_SIGNER = 'log-signer'

export function logKeyOf(name: string, derived: KeyObject): NoteSigner {
  const seed = derived.export()
  const key = noteSigner(name, seed)
  seed.fill(0)
  return key
}

/** Starts the tree and the signer. On several nodes those of the one that holds the sequencer's lease work. */
export async function startPublicLog({ sql, clock, dataKeys, accountId, env, lease, egress, log }: Options) {
  const noteKey = await logKey(dataKeys, accountId)
  const published = new Published(sql)
  const webhook = env.anchorWebhook === undefined ? undefined : anchorWebhook({ url: env.anchorWebhook, egress, log })
  const signer = new Signer({
    sql,
    signer: noteKey,
    lease,
    clockTrusted: () => clock.standing().trusted,
    own: checkpointFiles(join(env.home, 'log', 'checkpoints')),
    anchors: checkpointFiles(env.anchorDir),
    log,
    onSigned(size, note) {
      published.poke()
      webhook?.post(size, note)
    },
  })
  const tree = new LogTree({
    sql,
    lease,
    onGrown() {
      signer.treeStopped(undefined)
      signer.poke()
    },
    onError(error) {
      if (error instanceof LogDamaged) signer.treeStopped({ code: error.code, message: error.message })
      log.warn({ err: error, part: 'log-tree' }, 'a step failed, and is tried again')
    },
  })
  for (const part of [published, tree, signer]) part.start()
  return {
    origin: noteKey.name,
    verifierKey: noteKey.verifierKey,
    published,
    examine: () => signer.examine(),
    outside: () => signer.outside(),
    sealBundle: (content) => signBundle(noteKey, content),
    poke: () => tree.poke(),
    async stop() {
      await Promise.all([tree.stop(), signer.stop(), published.stop()])
      await within(
        STOP_WITHIN_MS,
        tree.drain().then(() => signer.sign()),
      )
      webhook?.stop()
    },
  } satisfies RunningPublicLog
}

/** Waits for `work`, and no longer than `ms`; how it ends does not matter. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work.catch(() => {}), patience])
  clearTimeout(timer)
}
