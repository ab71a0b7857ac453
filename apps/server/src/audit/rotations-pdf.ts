import type { Content, DocumentDefinition } from './pdfmake.ts'
import { renderPdf } from './pdfmake.ts'
import { pdfTimeline } from './pdf-timeline.ts'
import { date, days, ink, moment, table, verdict } from './pdf-parts.ts'
import type { RotationAudit } from './rotations.ts'

type Project = RotationAudit['projects'][number]

/** The rotation audit as a document for an auditor, A4. */
export const rotationsPdf = (audit: RotationAudit): Promise<Buffer> => renderPdf(documentOf(audit))

function documentOf(audit: RotationAudit): DocumentDefinition {
  const names = new Map(audit.actors.map(({ id, label }) => [id, label]))
  const nameOf = (id: string | null) => (id === null ? '–' : (names.get(id) ?? id))
  const shown = audit.projects.filter((p) => p.keys.length || p.rejected.length || p.policies.length)
  return {
    info: { title: 'Key rotation audit', creator: 'Stewrd', creationDate: new Date(audit.at) },
    pageSize: 'A4',
    pageMargins: [42, 48, 42, 54],
    defaultStyle: { font: 'Roboto', fontSize: 8.5, color: ink.text, lineHeight: 1.15 },
    styles: {
      title: { fontSize: 20, bold: true },
      heading: { fontSize: 13, bold: true },
      small: { fontSize: 7.5, color: ink.muted },
      label: { fontSize: 7.5, color: ink.muted, bold: true },
    },
    footer: (page, pages) => ({
      margin: [42, 18, 42, 0],
      columns: [
        { text: `Stewrd · key rotation audit of ${moment(audit.at)} UTC`, style: 'small' },
        { text: `Page ${page} of ${pages}`, style: 'small', alignment: 'right' },
      ],
    }),
    content: [...cover(audit), overview(shown), ...shown.flatMap((p) => project(p, audit.at, nameOf))],
  }
}

function cover(audit: RotationAudit): Content[] {
  const after = audit.projects.reduce((sum, p) => sum + p.runsAfterReplaced, 0)
  const overdue = audit.projects.filter((p) => p.overdue).length
  const view = audit.fromView.equal
    ? 'The read models say the same.'
    : `The read models differ for ${audit.fromView.differs.length} projects.`
  return [
    { text: 'Key rotation audit', style: 'title' },
    { text: `As of ${moment(audit.at)} UTC`, margin: [0, 2, 0, 12], color: ink.muted },
    verdict(
      after === 0,
      after === 0 ? 'No run used a key after it was replaced.' : `${after} runs used a replaced key.`,
    ),
    verdict(overdue === 0, overdue === 0 ? 'No key is overdue.' : `${overdue} keys in use are overdue for rotation.`),
    ...(audit.unreadable
      ? [verdict(false, `${audit.unreadable} events cannot be opened: this report lacks them.`)]
      : []),
    {
      text: `Computed by replaying ${audit.events.toLocaleString('en')} events of the history, not from a stored result. ${view} All times are UTC. A key is named by its fingerprint: an HMAC that tells equal keys, and from which no key can be derived.`,
      margin: [0, 6, 0, 14],
      color: ink.muted,
    },
  ]
}

function overview(projects: readonly Project[]): Content {
  if (projects.length === 0) return { text: 'No project has had a key of its own.' }
  const head = [
    'Project',
    'Rule',
    'Key in use since',
    'Due',
    'Rotations',
    'Longest on one key',
    'Runs',
    'After replaced',
  ]
  const rows = projects.map((p) => {
    const inUse = p.keys.find((k) => k.to === null)
    return [
      { text: p.name, bold: true },
      days(p.policy.maxAgeDays),
      inUse ? date(inUse.from) : '–',
      p.due ? { text: date(p.due.dueAt), color: p.due.status === 'fine' ? ink.text : ink.warn } : '–',
      p.rotations,
      p.longestGap ? days(p.longestGap.days) : '–',
      p.runs,
      { text: String(p.runsAfterReplaced), color: p.runsAfterReplaced ? ink.bad : ink.text },
    ]
  })
  return table(['*', 'auto', 'auto', 'auto', 'auto', 'auto', 'auto', 'auto'], head, rows)
}

function project(p: Project, now: number, nameOf: (id: string | null) => string): Content[] {
  const rule = {
    asked: 'as asked for this report',
    project: 'rule of the project',
    deployment: 'rule of the deployment',
  }
  const gap = p.longestGap
    ? `Longest time on one key: ${days(p.longestGap.days)} (${p.longestGap.fingerprint}, ${date(p.longestGap.from)} to ${p.longestGap.to === null ? 'today' : date(p.longestGap.to)}).`
    : ''
  const head: Content[] = [
    { text: p.name, style: 'heading', margin: [0, 20, 0, 1] },
    { text: p.projectId, style: 'small' },
    {
      text: `A key may be ${days(p.policy.maxAgeDays)} old (${rule[p.policy.source]}${p.policy.by ? `, by ${nameOf(p.policy.by)}` : ''}). ${gap}`,
      margin: [0, 4, 0, 6],
    },
    ...(p.keys.length ? [pdfTimeline(p.keys, now)] : []),
  ]
  return [
    { unbreakable: true, stack: head },
    ...(p.keys.length ? [keysTable(p, nameOf)] : []),
    ...rejections(p),
    ...policies(p, nameOf),
  ]
}

function keysTable(p: Project, nameOf: (id: string | null) => string): Content {
  const rows = p.keys.map((k) => [
    {
      stack: [
        { text: k.fingerprint, fontSize: 7.5 },
        { text: k.provider.provider, style: 'small' },
      ],
    },
    { stack: [at(k.from), { text: nameOf(k.setBy), style: 'small' }, why(k.reason)] },
    k.to === null
      ? { text: 'in use', color: ink.good, bold: true }
      : { stack: [at(k.to), { text: nameOf(k.replacedBy), style: 'small' }, why(k.replacedReason)] },
    days(k.ageDays),
    k.runs,
    { text: String(k.runsAfterReplaced), color: k.runsAfterReplaced ? ink.bad : ink.text },
    {
      stack: [
        ...remarks(k).map((text) => ({ text, color: ink.warn, fontSize: 7.5 })),
        ...kept(k).map((text) => ({ text, style: 'small' })),
      ],
    },
  ])
  const head = ['Key', 'Set', 'Replaced', 'Age', 'Runs', 'After replaced', 'Remarks']
  return table([80, 78, 78, 'auto', 'auto', 38, '*'], head, rows)
}

const why = (reason: string | null) => (reason === null ? '' : { text: `“${reason}”`, style: 'small', italics: true })

function remarks(k: Project['keys'][number]): string[] {
  return [
    ...(k.overdue ? ['overdue'] : []),
    ...(k.daysBeyond > 0 ? [`${days(k.daysBeyond)} beyond the rule`] : []),
    ...(k.alsoIn.length ? [`same key in ${k.alsoIn.length} other project${k.alsoIn.length > 1 ? 's' : ''}`] : []),
    ...(k.fallbackRuns ? [`${k.fallbackRuns} runs fell back to it in the overlap`] : []),
    ...(k.began === 'rolled back' ? ['rolled back to'] : []),
    ...(k.cameBack && k.began !== 'rolled back' ? ['came back after it was replaced'] : []),
  ]
}

const at = (ms: number) => ({ text: together(moment(ms)), fontSize: 8 })
const together = (text: string) => text.replaceAll(' ', '\u00a0')

/** What became of the value of a replaced key. */
function kept(k: Project['keys'][number]): string[] {
  const until = k.overlap && (k.overlap.endedAt ?? k.overlap.until)
  return [
    ...(until ? [`fallback until ${together(moment(until))}`] : []),
    ...(k.retiredAt === null ? [] : [`destroyed ${together(moment(k.retiredAt))}`]),
  ]
}

const LAST_WIDE = ['auto', 'auto', 'auto', '*']

/** A short table stays on one page with its title. */
const titled = (title: string, content: Content, rows: number): Content => ({
  unbreakable: rows <= 12,
  stack: [{ text: title, style: 'label', margin: [0, 8, 0, 2] }, content],
})

function rejections({ rejected }: Project): Content[] {
  if (rejected.length === 0) return []
  const rows = rejected.map((r) => [moment(r.at), r.fingerprint, `HTTP ${r.status}`, r.source])
  return [titled('Refused by the provider', table(LAST_WIDE, ['When', 'Key', 'Answer', 'Found by'], rows), rows.length)]
}

function policies(p: Project, nameOf: (id: string | null) => string): Content[] {
  if (p.policies.length === 0) return []
  const rows = p.policies.map((c) => [
    moment(c.at),
    nameOf(c.by),
    c.to === null ? 'rule withdrawn' : `at most ${c.to} days`,
    c.reason ?? '',
  ])
  return [titled('Rules', table(LAST_WIDE, ['When', 'By', 'Rule', 'Reason'], rows), rows.length)]
}
