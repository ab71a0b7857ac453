import { NO_PLAN } from '../kernel/plan.ts'
import type { Upcasters } from '../kernel/upcast.ts'

/** A run from before there was a deadline: it is over, should somebody find it still running. */
const LONG_AGO = 0

/** How runs of earlier versions are read. */
export const runUpcasters: Upcasters = {
  RunStarted: [
    (data) => ({ ...(data as object), tools: [], sessionId: null, requestDigest: null, deadline: LONG_AGO }),
    (data) => ({ ...(data as object), plan: NO_PLAN }),
  ],
  ModelAnswered: [
    (data) => ({ ...(data as object), toolCalls: [], costNanoUsd: null }),
    (data) => ({ ...(data as object), refusal: null, tokensEstimated: false, extra: null }),
  ],
}
