import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { dueShreddings, unfinishedShreddings } from '@stewrd/db/shredding/shredding.ts'
import { Loop } from '@stewrd/db/loop.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'
import type { Shredder } from './shred.ts'
import { finishShredding, shredProject } from './shred.ts'

const ACTOR = 'system:shredder'
const LOOK_MS = 3_000

/** Shreds projects whose time has come, and ends what somebody began and died of, on whichever server looks first. */
export const createShredKeeper = (shredder: Shredder, log: Logger): Loop =>
  new Loop({
    step: () => goOn(shredder),
    idleMs: { from: LOOK_MS, to: LOOK_MS },
    gatherMs: 0,
    onError: (error) =>
      log.warn({ err: errorFields(error), part: 'shredding' }, 'a shredding could not go on, and is tried again'),
  })

async function goOn(shredder: Shredder): Promise<false> {
  const { worker: sql, accountId, clock } = shredder
  const now = await clock.dueTime(sql)
  if (now === undefined) return false
  for (const { projectId } of await unfinishedShreddings(sql, accountId)) await finishShredding(shredder, projectId)
  for (const projectId of await dueShreddings(sql, accountId, now)) {
    try {
      await shredProject(shredder, projectId, { actor: ACTOR, early: false })
    } catch (error) {
      // Cancelled in this moment, or the view has not heard of it yet.
      if (!(error instanceof Refusal)) throw error
    }
  }
  return false
}
