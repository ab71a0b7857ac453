import { cn } from '../../lib/cn.ts'
import { readable } from '../../lib/format.ts'

type Value = string | number | boolean | null | readonly string[] | undefined
type State = Record<string, Value>

const shown = (value: Value) =>
  value === null || value === undefined
    ? '–'
    : Array.isArray(value)
      ? value.join(', ') || 'none'
      : readable(String(value))

/** Two states field by field; what differs stands out. */
export function StateDiff({
  before,
  after,
  labels = ['Before', 'After'],
}: {
  before: State
  after: State
  labels?: readonly [string, string]
}) {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return (
    <div className="overflow-x-auto rounded-lg border">
      <table className="w-full min-w-80 table-fixed text-left text-[13px]">
        <thead>
          <tr className="border-b text-xs text-muted">
            <th scope="col" className="w-[28%] px-3 py-2 font-medium">
              Field
            </th>
            {labels.map((label) => (
              <th key={label} scope="col" className="px-3 py-2 font-medium">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y">
          {fields.map((field) => {
            const [from, to] = [shown(before[field]), shown(after[field])]
            const changed = from !== to
            return (
              <tr key={field} className="align-top">
                <th scope="row" className="px-3 py-2 font-normal break-words text-muted">
                  {field}
                </th>
                <td className={cn('px-3 py-2 font-mono text-[12px] break-all', changed && 'bg-bad-soft text-bad')}>
                  {from}
                </td>
                <td className={cn('px-3 py-2 font-mono text-[12px] break-all', changed && 'bg-good-soft text-good')}>
                  {to}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
