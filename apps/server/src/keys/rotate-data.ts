import type { Epochs } from '@stewrd/core/keyring/events.ts'
import type { KeyCustody } from './custody.ts'
import { alone, record, underWay } from './custody.ts'

/** In this order; see `masterSteps`. */
export const dataSteps = ['begun', 'event', 'secret', 'recorded'] as const
type DataStep = (typeof dataSteps)[number]
type Options = { actor: string; onStep?: (step: DataStep) => void }

/** Opens new epochs of a project's data keys, or ends what was begun. What is sealed already stays readable; servers follow within half a minute. */
export const rotateData = (custody: KeyCustody, projectId: string, options: Options): Promise<Epochs> =>
  alone(custody.worker, async () => {
    const to = (await underWay(custody)).dataKeys[projectId] ?? (await next(custody, projectId))
    return carryOut(custody, projectId, to, options)
  })

/** Ends a rotation that was begun; undefined when there is none, also when its own process ended it a moment ago. */
export const resumeDataRotation = (
  custody: KeyCustody,
  projectId: string,
  actor: string,
): Promise<Epochs | undefined> =>
  alone(custody.worker, async () => {
    const to = (await underWay(custody)).dataKeys[projectId]
    return to && carryOut(custody, projectId, to, { actor })
  })

async function carryOut(
  custody: KeyCustody,
  projectId: string,
  to: Epochs,
  { actor, onStep = () => {} }: Options,
): Promise<Epochs> {
  const { accountId, dataKeys } = custody
  await record(custody, { type: 'StartDataKeyRotation', projectId, to }, actor)
  onStep('begun')
  await dataKeys.advance(accountId, projectId, 'event', to.event)
  onStep('event')
  await dataKeys.advance(accountId, projectId, 'secret', to.secret)
  onStep('secret')
  await record(custody, { type: 'FinishDataKeyRotation', projectId }, actor)
  onStep('recorded')
  return to
}

async function next({ accountId, dataKeys }: KeyCustody, projectId: string): Promise<Epochs> {
  const [event, secret] = await Promise.all(
    (['event', 'secret'] as const).map((purpose) => dataKeys.epoch(accountId, projectId, purpose)),
  )
  return { event: event! + 1, secret: secret! + 1 }
}
