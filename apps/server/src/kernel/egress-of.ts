import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import type { Env } from '../env.ts'

/** The way out of this deployment, with the private hosts that its operator allowed. */
export const egressOf = ({ egressAllow, answerLimit, runLimit, runCapacity }: Settings): Egress =>
  createEgress({
    allow: egressAllow.map((host) => host.replace(/^\[(.*)\]:/, '$1:')),
    // A run that is under way must not wait for the connection of another one.
    connections: Math.max(256, runCapacity.atOnce),
    maxAnswerBytes: answerLimit,
    // A model that thinks may be silent for as long as a run may take.
    silenceMs: runLimit,
  })

type Settings = Pick<Env, 'egressAllow' | 'answerLimit' | 'runLimit' | 'runCapacity'>
