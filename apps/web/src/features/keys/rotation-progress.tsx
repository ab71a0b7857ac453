import { Card } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import type { MasterKeyRow } from './queries.ts'

/** How many values are under the new key already. */
export function RotationProgress({
  keys,
  to,
}: {
  keys: readonly MasterKeyRow[]
  to: Pick<MasterKeyRow, 'id' | 'version'>
}) {
  const total = keys.reduce((sum, { values }) => sum + values, 0)
  const done = keys.find(({ id, version }) => id === to.id && version === to.version)?.values ?? 0
  return (
    <Card title="Rotation under way">
      <div className="grid gap-2 px-5 py-4 text-[13px]">
        <progress className="w-full accent-accent" aria-label="Values moved" value={done} max={Math.max(total, 1)} />
        <span className="tnum text-muted">
          {count(done)} of {count(total)} values are under {to.id}
        </span>
      </div>
    </Card>
  )
}
