import { Mono } from '../../components/ui/surface.tsx'
import { count, usd } from '../../lib/format.ts'
import type { Grouping, Measure } from './search.ts'
import { groupings } from './search.ts'
import type { Report } from './series.ts'
import { groupsOf, valueOf } from './series.ts'

type Props = { report: Report; measure: Measure; by: Grouping; name: (group: string) => string }

/** Every group with its figures, the most first. */
export function GroupTable({ report, measure, by, name }: Props) {
  const groups = groupsOf(report, measure)
  const all = valueOf(report.totals, measure)
  return (
    <div
      className="overflow-x-auto border-t"
      tabIndex={0}
      role="region"
      aria-label={`Usage by ${groupings[by].toLowerCase()}`}
    >
      <table className="w-full min-w-[34rem] text-left text-[13px]">
        <thead>
          <tr className="border-b text-xs text-muted">
            <th scope="col" className="py-2.5 pl-5 font-medium">
              {groupings[by]}
            </th>
            {['Runs', 'Tokens', 'Cost', 'Share'].map((label) => (
              <th key={label} scope="col" className="px-4 py-2.5 text-right font-medium last:pr-5">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y">
          {groups.map((one) => (
            <tr key={one.group}>
              <th scope="row" className="py-2.5 pl-5 font-normal">
                {by === 'project' ? name(one.group) : <Mono>{name(one.group)}</Mono>}
              </th>
              <td className="tnum px-4 text-right">{count(one.runs)}</td>
              <td className="tnum px-4 text-right">{count(one.tokens)}</td>
              <td className="tnum px-4 text-right">
                {one.unpriced > 0 && one.costNanoUsd === 0 ? (
                  <span className="text-muted">Unknown</span>
                ) : (
                  <>
                    {usd(one.costNanoUsd)}
                    {one.unpriced > 0 && (
                      <span className="block text-xs text-muted">
                        without {count(one.unpriced)} {one.unpriced === 1 ? 'run' : 'runs'}
                      </span>
                    )}
                  </>
                )}
              </td>
              <td className="tnum py-2.5 pr-5 text-right">
                {all > 0 ? `${((valueOf(one, measure) / all) * 100).toFixed(1)} %` : '–'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
