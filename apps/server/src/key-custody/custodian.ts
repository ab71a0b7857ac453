import { Loop } from '@stewrd/db/loop.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'
import type { Custody } from './retire.ts'
import { retireDue } from './retire.ts'

/** An overlap ends at most this much after its time. */
const LOOK_MS = 2_000

/** Destroys what is due, as long as the server runs. */
export const createCustodian = (custody: Custody, log: Logger): Loop =>
  new Loop({
    step: async () => (await retireDue(custody)) > 0,
    idleMs: { from: LOOK_MS, to: LOOK_MS },
    gatherMs: 0,
    onError: (error) =>
      log.warn({ err: errorFields(error) }, 'a replaced key could not be destroyed, and is tried again'),
  })
