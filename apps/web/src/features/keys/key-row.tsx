import { Button } from '../../components/ui/button.tsx'
import { Badge, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { count } from '../../lib/format.ts'
import type { MasterKeyRow } from './queries.ts'

const states = {
  primary: ['good', 'Primary'],
  unused: ['neutral', 'Not used yet'],
  open: ['accent', 'In use'],
  closed: ['warn', 'Rotated away from'],
  retired: ['neutral', 'Retired'],
} as const
const kinds = { file: 'Keyring file', pkcs11: 'PKCS#11 token', awskms: 'AWS KMS' } as const

type Props = { row: MasterKeyRow; locked: boolean; onRetire: (row: MasterKeyRow) => void }

export function KeyRow({ row, locked, onRetire }: Props) {
  const [tone, label] = states[row.state]
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 text-[13px] sm:px-5">
      <div className="min-w-0 flex-1 basis-64">
        <div className="flex flex-wrap items-center gap-2">
          <Mono>
            {row.id}/{row.version}
          </Mono>
          <Badge tone={tone}>{label}</Badge>
          {row.problem && <Badge tone="bad">Does not open</Badge>}
        </div>
        <p className="mt-1 break-words text-muted">
          {row.provider ? `${kinds[row.provider]}: ${row.place}` : 'In no keyring'}
          {row.firstUsedAt !== null && (
            <>
              {' · since '}
              <At at={row.firstUsedAt} />
            </>
          )}
        </p>
        {row.problem && <p className="mt-1 text-bad">{row.problem}</p>}
      </div>
      <span className="tnum text-muted">
        {count(row.values)} values, {count(row.projects)} projects
      </span>
      {row.state === 'closed' && row.values === 0 && (
        <Button size="sm" disabled={locked} onClick={() => onRetire(row)}>
          Retire
        </Button>
      )}
    </li>
  )
}
