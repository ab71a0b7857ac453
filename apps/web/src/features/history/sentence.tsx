import { readable } from '../../lib/format.ts'
import type { HistoryEntry } from './queries.ts'

/** What was done, with its values set off. */
export const Parts = ({ parts }: { parts: HistoryEntry['sentence'] }) =>
  parts.map((part, i) =>
    typeof part === 'string' ? (
      <span key={i}>{part}</span>
    ) : (
      <span key={i} className="rounded bg-sunken px-1 py-px font-mono text-[12px] break-all">
        {readable(part.value)}
      </span>
    ),
  )

/** Who did what. */
export const Sentence = ({ entry }: { entry: Pick<HistoryEntry, 'actor' | 'sentence'> }) => (
  <span>
    <span className="font-medium">{entry.actor.label}</span> <Parts parts={entry.sentence} />
  </span>
)
