import type { HistoryEntry } from './queries.ts'

/** Who did what, with its values set off. */
export const Sentence = ({ entry }: { entry: Pick<HistoryEntry, 'actor' | 'sentence'> }) => (
  <span>
    <span className="font-medium">{entry.actor.label}</span>{' '}
    {entry.sentence.map((part, i) =>
      typeof part === 'string' ? (
        <span key={i}>{part}</span>
      ) : (
        <span key={i} className="rounded bg-sunken px-1 py-px font-mono text-[12px] break-all">
          {part.value}
        </span>
      ),
    )}
  </span>
)
