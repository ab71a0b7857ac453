import type { HistoryEntry } from '../history/queries.ts'
import { plain } from '@stewrd/core/kernel/sentence.ts'
import { dateTime, readable } from '../../lib/format.ts'
import type { Moment } from './queries.ts'
import { TimeInput } from './time-input.tsx'

type Props = {
  label: string
  value: Moment
  latest: number
  /** The revision that held at `value`, once known. */
  shown: number | undefined
  entries: readonly HistoryEntry[]
  onChange: (moment: Moment) => void
}

/** A moment, by revision on a slider or by time. */
export function Pick({ label, value, latest, shown, entries, onChange }: Props) {
  const revision = 'revision' in value ? value.revision : (shown ?? 0)
  const entry = entries.find((e) => e.seq === revision)
  return (
    <fieldset className="flex min-w-0 flex-col gap-3">
      <legend className="mb-2 text-[13px] font-medium">{label}</legend>
      <input
        type="range"
        min={0}
        max={latest}
        value={revision}
        onChange={(e) => onChange({ revision: Number(e.target.value) })}
        aria-label={`${label}: revision`}
        aria-valuetext={`Revision ${revision}`}
        className="w-full accent-(--accent)"
      />
      <p className="min-h-9 text-[13px] text-muted">
        <span className="tnum font-medium text-text">Revision {revision}</span>
        {entry
          ? ` · ${dateTime(entry.at)} · ${entry.actor.label} ${plain(entry.sentence.map((part) => (typeof part === 'string' ? part : readable(part.value))))}`
          : revision === 0
            ? ' · before anything was set'
            : ''}
      </p>
      <TimeInput
        label={`${label}: time`}
        value={'time' in value ? value.time : entry?.at}
        onChange={(time) => onChange({ time })}
      />
    </fieldset>
  )
}
