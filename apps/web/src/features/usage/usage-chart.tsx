import { format } from 'date-fns'
import { Bar, BarChart, CartesianGrid, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import type { Measure } from './search.ts'
import type { Report } from './series.ts'
import { columnsOf } from './series.ts'
import { shownValue } from './words.ts'

const color = (i: number) => `var(--chart-${(i % 6) + 1})`

type Props = { report: Report; measure: Measure; name: (group: string) => string }

/** Stacked by group over time, with a line where the configuration changed. The tables beneath say the same in words. */
export function UsageChart({ report, measure, name }: Props) {
  const { series, columns } = columnsOf(report, measure)
  const empty = columns.every(({ values }) => values.every((value) => value === 0))
  const hours = report.bucket === 'hour'
  const tick = (at: number) => format(at, hours ? 'HH:mm' : 'd MMM')
  const marks = [...new Set(report.marks.flatMap(({ at }) => report.starts.findLast((start) => start <= at) ?? []))]
  return (
    <figure className="flex flex-col gap-3" aria-label="Usage over time">
      <div className="h-64 overflow-hidden" aria-hidden>
        <ResponsiveContainer width="100%" height="100%">
          <BarChart
            data={columns}
            margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
            barCategoryGap="20%"
            accessibilityLayer={false}
          >
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis
              dataKey="at"
              tickFormatter={tick}
              tick={{ fill: 'var(--muted)', fontSize: 12 }}
              tickLine={false}
              axisLine={{ stroke: 'var(--line-strong)' }}
              minTickGap={24}
            />
            <YAxis
              width={76}
              tickFormatter={(value: number) => shownValue(value, measure, { short: true })}
              tick={{ fill: 'var(--muted)', fontSize: 12 }}
              tickLine={false}
              axisLine={false}
              allowDecimals={measure === 'cost'}
              // Without any value the axis would count up from nothing in steps of nothing.
              domain={[0, (most: number) => (most > 0 ? most : 1)]}
              {...(empty && { ticks: [0] })}
            />
            <Tooltip
              cursor={{ fill: 'var(--sunken)' }}
              isAnimationActive={false}
              contentStyle={{
                background: 'var(--raised)',
                border: '1px solid var(--line-strong)',
                borderRadius: 8,
                fontSize: 13,
              }}
              labelFormatter={(at) => format(Number(at), hours ? 'd MMM, HH:mm' : 'd MMM yyyy')}
              formatter={(value, label) => [shownValue(Number(value), measure), label]}
            />
            {series.map((group, i) => (
              <Bar
                key={group}
                dataKey={(column: { values: number[] }) => column.values[i] ?? 0}
                name={name(group)}
                stackId="all"
                fill={color(i)}
                isAnimationActive={false}
                maxBarSize={40}
              />
            ))}
            {marks.map((at) => (
              <ReferenceLine key={at} x={at} stroke="var(--accent)" strokeDasharray="3 3" />
            ))}
          </BarChart>
        </ResponsiveContainer>
      </div>
      <figcaption className="flex flex-wrap gap-x-4 gap-y-1.5 text-xs text-muted">
        {series.map((group, i) => (
          <span key={group} className="inline-flex items-center gap-1.5">
            <span aria-hidden className="size-2.5 rounded-xs" style={{ background: color(i) }} />
            {name(group)}
          </span>
        ))}
        {marks.length > 0 && (
          <span className="inline-flex items-center gap-1.5">
            <span aria-hidden className="h-3 border-l border-dashed border-accent" />
            Configuration changed
          </span>
        )}
      </figcaption>
    </figure>
  )
}
