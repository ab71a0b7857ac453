import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import type { Env } from '../env.ts'

/** The way out of this deployment, with the private hosts that its operator allowed. */
export const egressOf = ({ egressAllow, answerLimit, runLimit }: Settings): Egress =>
  createEgress({
    allow: egressAllow.map((host) => host.replace(/^\[(.*)\]:/, '$1:')),
    maxAnswerBytes: answerLimit,
    // A model that thinks may be silent for as long as a run may take.
    silenceMs: runLimit,
  })

type Settings = Pick<Env, 'egressAllow' | 'answerLimit' | 'runLimit'>
