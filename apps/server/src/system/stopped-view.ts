import type { SetAsideRow, ViewStatus } from '@stewrd/db/views.ts'

/** Why a read model stopped, at which place of the log, what stands still with it, and what to do. */
export type Stopped = { code: string; at: number; why: string; means: string; mend: string }

/** Undefined while it goes on. */
export function stoppedBy({ view, status, error, checkpoint }: ViewStatus): Stopped | null {
  if (status === 'live') return null
  const code = error?.split(' ', 1)[0] ?? 'UNKNOWN'
  const { why, mend } = reasons[code] ?? unreadable
  return { code, at: checkpoint, why, means: consequences[view] ?? 'What it shows stays as it is.', mend: mend(view) }
}

/** Rows of a read model that the database refused, and what to do. `rows` are the newest of `count`. */
export type SetAside = { count: number; rows: readonly SetAsideRow[]; why: string; mend: string }

/** Null while there are none. */
export function setAsideOf(
  view: string,
  found: { count: number; rows: readonly SetAsideRow[] } | undefined,
): SetAside | null {
  if (!found) return null
  const why = 'the database refused these rows, so each is shown as it was before the event; all others are up to date'
  return {
    ...found,
    why,
    mend: `Update this server, then run: stewrd replay ${view}. If rows stay, report the code that is shown.`,
  }
}

const replay = (view: string) => `Run: stewrd replay ${view}`
const unreadable = {
  why: 'the event there cannot be read: its bytes, or the key that opens it, are not what they were',
  mend: () => 'Run: stewrd doctor. It says what is wrong with keyring and log. Then restart the server.',
}

const reasons: Record<string, { why: string; mend: (view: string) => string }> = {
  EVENT_UNKNOWN: {
    why: 'a newer version of Stewrd wrote an event there that this one does not know',
    mend: () => 'Update this server to the version of the other nodes. It goes on by itself when it starts.',
  },
  FOLD_FAILED: { why: 'the event there could not be folded into it, which is a fault of this program', mend: replay },
  ROW_REFUSED: { why: 'the database did not take what the next events make', mend: replay },
}

const consequences: Record<string, string> = {
  projects: 'New and renamed projects do not show.',
  llm: 'Pages show an older provider and model; runs use the newest all the same.',
  'key-health': 'The health of keys is not followed.',
  'api-keys': 'Pages show older API keys; a revoked one is refused all the same.',
  'run-months': 'Budgets and the usage of the month count no new runs.',
  runs: 'New runs do not show, and those of a dead node are not gone on with.',
  sessions: 'New sessions do not show in the list; they can be used.',
  files: 'New files do not show in the list; they can be used.',
  'key-custody': 'Changed rotation rules do not show.',
  webhooks: 'Pages show older webhooks, and runs are told to those of then.',
  'held-keys': 'Replaced provider keys are not destroyed until it goes on.',
  rotations: 'Reminders and the rotation audit stay behind.',
}
