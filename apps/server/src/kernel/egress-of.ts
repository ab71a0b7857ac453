import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import type { Env } from '../env.ts'

/** The way out of this deployment, with the private hosts that its operator allowed. */
export const egressOf = ({ egressAllow }: Pick<Env, 'egressAllow'>): Egress =>
  createEgress({ allow: egressAllow.map((host) => host.replace(/^\[(.*)\]:/, '$1:')) })
