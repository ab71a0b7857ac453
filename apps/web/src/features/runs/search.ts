import { z } from 'zod'
import type { RunFilter } from './queries.ts'

/** The filters of the list of runs, in its URL: a view can be shared. What is wrong in it is as if it were absent. */
export const RunsSearch = z.object({
  status: z.enum(['running', 'waiting', 'completed', 'failed', 'cancelled']).optional().catch(undefined),
  model: z.string().max(200).optional().catch(undefined),
  key: z.string().max(40).optional().catch(undefined),
  session: z.uuid().optional().catch(undefined),
})
export type RunsSearch = z.infer<typeof RunsSearch>

/** The same as the server takes it. */
export const filterOf = ({ status, model, key, session }: RunsSearch): RunFilter => ({
  ...(status && { status }),
  ...(model && { model }),
  ...(key && { keyFingerprint: key }),
  ...(session && { sessionId: session }),
})
