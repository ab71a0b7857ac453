import { setTimeout as wait } from 'node:timers/promises'
import type { MasterKey } from '@stewrd/core/keyring/events.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { nameOfKek, sameKek } from '@stewrd/crypto/keyring.ts'
import { closeOthers, masterKeyUsage, registerPrimary, reopen } from '@stewrd/db/master-keys/registry.ts'
import type { DamagedDataKey, RewrapProgress } from '@stewrd/db/master-keys/rewrap.ts'
import { countElsewhere, countUnder, rewrapAll } from '@stewrd/db/master-keys/rewrap.ts'
import type { KeyCustody } from './custody.ts'
import { alone, findKey, record, underWay } from './custody.ts'

/** In this order. Whoever dies after one of them goes on with the next, or does that one again without effect. */
export const masterSteps = [
  'made',
  'recorded',
  'everywhere',
  'begun',
  'reopened',
  'primary',
  'open',
  'closed',
  'batch',
  'moved',
  'proved',
] as const
export type MasterStep = (typeof masterSteps)[number]

export type RotateMasterOptions = {
  actor: string
  /** `id` or `id/version`; without it the primary key if values are elsewhere, else one that was never used, else a new one. */
  to?: string
  onStep?: (step: MasterStep) => void
  onProgress?: (progress: RewrapProgress) => void
}
/** `left` values are under `from`, counted after nothing new could get there. */
export type MasterRotation = { from: readonly MasterKey[]; to: MasterKey; values: number; left: 0 }

/** A dead server counts as alive for 15 seconds. */
const PATIENCE_MS = 20_000

/** Moves every data key to another master key while all servers go on, or goes on with a rotation that was begun. */
export const rotateMaster = (custody: KeyCustody, options: RotateMasterOptions): Promise<MasterRotation> =>
  alone(custody.worker, async () => carryOut(custody, await begun(custody, options), options))

/** Ends a rotation that was begun; undefined when there is none, also when its own process ended it a moment ago. */
export const resumeRotation = (custody: KeyCustody, actor: string): Promise<MasterRotation | undefined> =>
  alone(custody.worker, async () => {
    await custody.keyring.refresh?.()
    const { rotation } = await underWay(custody)
    return rotation ? carryOut(custody, rotation, { actor }) : undefined
  })

async function carryOut(
  custody: KeyCustody,
  { from, to }: { from: readonly MasterKey[]; to: MasterKey },
  options: RotateMasterOptions,
): Promise<MasterRotation> {
  const { actor, onStep = () => {} } = options
  onStep('begun')
  // Servers wrap under the primary key from the moment that it is that: by then it must be open again.
  await reopen(custody.worker, to)
  onStep('reopened')
  await makePrimary(custody, to)
  onStep('primary')
  await registerPrimary(custody.worker, custody.keyring)
  onStep('open')
  await closeOthers(custody.worker, to)
  onStep('closed')
  const damaged = await moveAll(custody, to, options)
  onStep('moved')
  const [values, left] = [await countUnder(custody.worker, to), await countElsewhere(custody.worker, to)]
  if (left > 0 && damaged.length > 0)
    throw new Refusal('DATA_KEYS_DAMAGED', { left, keys: damaged.slice(0, NAMED).map(nameOfDamaged) })
  await record(custody, { type: 'FinishMasterKeyRotation', values, left }, actor)
  onStep('proved')
  return { from, to, values, left: 0 }
}

async function begun(custody: KeyCustody, options: RotateMasterOptions) {
  await custody.keyring.refresh?.()
  const { rotation } = await underWay(custody)
  if (rotation) {
    const other = options.to !== undefined && !sameKek(findKey(custody.keyring.keys, options.to), rotation.to)
    if (other) throw new Refusal('MASTER_KEY_ROTATING', { to: rotation.to.id })
    return rotation
  }
  const to = await goalOf(custody, options)
  mayBecomePrimary(custody, to)
  await everywhere(custody, to)
  options.onStep?.('everywhere')
  const usage = await masterKeyUsage(custody.worker)
  const from = usage.filter((k) => k.values > 0 && !sameKek(k, to)).map(({ id, version }) => ({ id, version }))
  await record(custody, { type: 'StartMasterKeyRotation', from, to }, options.actor)
  return { from, to }
}

async function goalOf(custody: KeyCustody, { actor, to, onStep }: RotateMasterOptions): Promise<MasterKey> {
  const { keyring, worker: sql } = custody
  if (to !== undefined) return findKey(keyring.keys, to)
  const usage = await masterKeyUsage(sql)
  const { primary } = keyring
  if (usage.some((k) => k.values > 0 && !sameKek(k, primary))) return primary
  const first = keyring.members[0]!
  const unused = first.provider.keys.find((k) => !sameKek(k, primary) && !usage.some((u) => sameKek(u, k)))
  const key = unused ?? (await makeKey(custody))
  onStep?.('made')
  await record(custody, { type: 'AddMasterKey', key, provider: first.kind }, actor)
  onStep?.('recorded')
  return key
}

/** A key that nothing depends on yet, in the first provider. Refused where keys are made elsewhere. */
export async function makeKey({ keyring }: KeyCustody): Promise<MasterKey> {
  if (keyring.manage) return keyring.manage.add()
  throw new Refusal('MASTER_KEY_MADE_ELSEWHERE', { provider: keyring.members[0]!.place })
}

function mayBecomePrimary({ keyring }: KeyCustody, to: MasterKey): void {
  if (sameKek(keyring.primary, to)) return
  const inFirst = keyring.members[0]!.provider.keys.some((k) => sameKek(k, to))
  if (!inFirst || !keyring.manage) throw new Refusal('MASTER_KEY_NOT_FIRST', { key: to.id })
}

async function makePrimary(custody: KeyCustody, to: MasterKey): Promise<void> {
  mayBecomePrimary(custody, to)
  if (!sameKek(custody.keyring.primary, to)) await custody.keyring.manage!.setPrimary(to)
}

/** Every server says with each beat which keys it can open. */
async function everywhere({ nodes }: KeyCustody, to: MasterKey): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    const without = await nodes.without(nameOfKek(to))
    if (without.length === 0) return
    if (performance.now() > until) throw new Refusal('MASTER_KEY_NOT_EVERYWHERE', { key: to.id, nodes: without })
    await wait(250)
  }
}

/** Again and again until a pass finds nothing, or nothing that can be moved. */
async function moveAll(
  { worker: sql, keyring }: KeyCustody,
  to: MasterKey,
  { onStep, onProgress }: RotateMasterOptions,
): Promise<readonly DamagedDataKey[]> {
  for (;;) {
    let damaged: readonly DamagedDataKey[] = []
    for await (const progress of rewrapAll(sql, keyring, to)) {
      damaged = progress.damaged
      onProgress?.(progress)
      onStep?.('batch')
    }
    if (damaged.length > 0 || (await countElsewhere(sql, to)) === 0) return damaged
  }
}

/** At most this many are named; the count says of how many. */
const NAMED = 10
const nameOfDamaged = ({ id, scope, code }: DamagedDataKey) => ({ dataKeyId: id, scope, code })
