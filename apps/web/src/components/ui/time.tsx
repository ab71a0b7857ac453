import { age, ago, dateTime } from '../../lib/format.ts'

/** "3 minutes ago", with the exact time on hover and for machines. */
export const Ago = ({ at }: { at: number }) => (
  <time dateTime={new Date(at).toISOString()} title={dateTime(at)} className="tnum whitespace-nowrap">
    {ago(at)}
  </time>
)

export const At = ({ at }: { at: number }) => (
  <time dateTime={new Date(at).toISOString()} title={new Date(at).toISOString()} className="tnum whitespace-nowrap">
    {dateTime(at)}
  </time>
)

/** How old something is that began at `since`: "5 h". */
export const Age = ({ since }: { since: number }) => <span className="tnum">{ageNow(since)}</span>

const ageNow = (since: number) => age(Date.now() - since)
