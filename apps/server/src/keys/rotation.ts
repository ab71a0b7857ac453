import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { DatabaseClock } from '@stewrd/db/clock.ts'
import { Loop } from '@stewrd/db/loop.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'
import type { KeyCustody } from './custody.ts'
import { record, underWay } from './custody.ts'
import { resumeDataRotation } from './rotate-data.ts'
import { resumeRotation } from './rotate-master.ts'

const ACTOR = 'system:keys'
const LOOK_MS = 3_000

/** Goes on with rotations that somebody began and died of, on whichever server looks first. */
export const createRotationKeeper = (custody: KeyCustody & { clock: DatabaseClock }, log: Logger): Loop =>
  new Loop({
    step: () => goOn(custody),
    idleMs: { from: LOOK_MS, to: LOOK_MS },
    gatherMs: 0,
    onError: (error) =>
      log.warn({ err: errorFields(error), part: 'keys' }, 'a rotation could not go on, and is tried again'),
  })

async function goOn(custody: KeyCustody & { clock: DatabaseClock }): Promise<false> {
  if ((await custody.clock.dueTime(custody.worker)) === undefined) return false
  const { rotation, dataKeys } = await underWay(custody)
  try {
    if (rotation) await resumeRotation(custody, ACTOR)
    for (const projectId of Object.keys(dataKeys)) await endDataRotation(custody, projectId)
  } catch (error) {
    // Somebody else is at it.
    if (!(error instanceof Refusal && error.code === 'KEYRING_BUSY')) throw error
  }
  return false
}

async function endDataRotation(custody: KeyCustody, projectId: string): Promise<void> {
  try {
    await resumeDataRotation(custody, projectId, ACTOR)
  } catch (error) {
    // Its keys were destroyed meanwhile: there is nothing to rotate any more.
    if (!(error instanceof Refusal && error.code === 'PROJECT_SHREDDED')) throw error
    await record(custody, { type: 'FinishDataKeyRotation', projectId }, ACTOR)
  }
}
