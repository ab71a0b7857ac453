import { join } from 'node:path'
import { theAccount } from '@stewrd/db/accounts.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import type { Verified } from '@stewrd/db/verify/verify.ts'
import { verifyHistory } from '@stewrd/db/verify/verify.ts'
import type { Env } from '../env.ts'
import { egressOf } from '../kernel/egress-of.ts'
import { openKeyring } from '../keys/open-keyring.ts'
import { checkpointFiles } from '../log/checkpoint-files.ts'
import { witnessOf } from '../log/examine.ts'
import { logKey } from '../log/public-log.ts'
import { withScratch } from './places.ts'
import type { Restored, RestoreOptions } from './restore.ts'
import { restore } from './restore.ts'

export type DrillOptions = Omit<RestoreOptions, 'onProgress' | 'senders'> & {
  onProgress?: (step: 'checking' | 'restoring' | 'verifying', done: number, total: number) => void
}
export type Drilled = { restored: Restored; restoreMs: number; verified: Verified; ms: number }

/** Restores a backup into a place that is gone afterwards, checks that the keyring opens it, and verifies its whole history. Signs nothing. */
export async function drill(env: Env, options: DrillOptions): Promise<Drilled> {
  const began = performance.now()
  const since = () => Math.round(performance.now() - began)
  return withScratch(env, async (into) => {
    // Nothing of it stays: whose it is is found out, and asked of nobody.
    const senders = { anySender: true, allowUnsigned: true }
    const restored = await restore(into, { ...options, senders })
    const restoreMs = since()
    return { restored, restoreMs, verified: await verify(restored, options), ms: since() }
  })
}

/** Without a platform: that would put what waits into the log, and sign another history with the log's own key. */
async function verify({ url, env }: Restored, { onProgress }: DrillOptions): Promise<Verified> {
  const sql = connect(url, { role: null, applicationName: 'stewrd-drill' })
  const egress = egressOf(env)
  try {
    const dataKeys = new DataKeys(sql, await openKeyring({ env, egress }, { create: false }))
    const { verifierKey } = await logKey(dataKeys, (await theAccount(sql)).accountId)
    const files = [checkpointFiles(join(env.home, 'log', 'checkpoints')), checkpointFiles(env.anchorDir)]
    const found = (await Promise.all(files.map((f) => f.latest()))).flatMap((f) => f ?? [])
    const outside = found.map(({ note, path }) => witnessOf({ note, where: path }, verifierKey))
    const progress = { onProgress: (p: { done: number; total: number }) => onProgress?.('verifying', p.done, p.total) }
    return await verifyHistory({ sql, dataKeys, verifierKey, outside }, progress)
  } finally {
    await Promise.all([disconnect(sql), egress.close()])
  }
}
