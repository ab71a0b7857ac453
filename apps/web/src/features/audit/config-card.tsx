import type { ReactNode } from 'react'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { dateTime, readable } from '../../lib/format.ts'
import type { ConfigAt } from './queries.ts'

const names: Record<string, string> = {
  status: 'Runs on',
  provider: 'Provider',
  baseUrl: 'Base URL',
  model: 'Model',
  keyFingerprint: 'Key',
  stagedFingerprint: 'Staged key',
  fallbackFingerprint: 'Fallback key',
  fallbackUntil: 'Until',
}
const shown = (field: string, value: string | number | boolean | readonly string[] | null) =>
  field === 'status'
    ? value === 'own'
      ? "the project's own key"
      : "the server's model"
    : value === null
      ? '–'
      : readable(String(value))

/** A configuration as it was. */
export const ConfigCard = ({ title, config, actions }: { title: string; config: ConfigAt; actions?: ReactNode }) => (
  <Card
    title={title}
    description={
      config.llm.changedAt === null
        ? 'Before anything was set'
        : `Since ${dateTime(config.llm.changedAt)}${config.llm.changedBy ? `, by ${config.llm.changedBy.label}` : ''}`
    }
    actions={actions}
  >
    <dl className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-y-2.5 px-4 py-4 text-[13px] sm:px-5">
      {Object.entries(config.llm.state).map(([field, value]) => (
        <div key={field} className="contents">
          <dt className="text-muted">{names[field] ?? field}</dt>
          <dd>
            <Mono>{shown(field, value)}</Mono>
          </dd>
        </div>
      ))}
    </dl>
  </Card>
)
