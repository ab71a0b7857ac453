import { nouns } from '@stewrd/core/kernel/event.ts'
import { z } from 'zod'

/** The filters of a history page, in its URL: a view can be shared. `event` is the index of the opened event. */
export const HistorySearch = z.object({
  noun: z.enum(nouns).optional().catch(undefined),
  type: z.string().max(100).optional().catch(undefined),
  actor: z.string().max(200).optional().catch(undefined),
  from: z.iso.date().optional().catch(undefined),
  to: z.iso.date().optional().catch(undefined),
  event: z.coerce.number().int().min(0).optional().catch(undefined),
})
export type HistorySearch = z.infer<typeof HistorySearch>
