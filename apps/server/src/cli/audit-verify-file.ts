import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ForeignNames } from '../proof/bundle-streams.ts'
import type { BundleFacts } from '../proof/checker.ts'
import { BundleRefused } from '../proof/refused.ts'
import { bundleReport } from '../proof/report.ts'
import { verifyBundle } from '../proof/verify.ts'
import { exitCodes, iso, print, UsageError } from './output.ts'

export type VerifyFileFlags = { key?: string; checkpoint?: string }

/** `audit verify FILE`: nothing but the file is looked at. No database is started, no folder is made. */
export async function verifyFile(file: string, json: boolean, { key, checkpoint }: VerifyFileFlags): Promise<void> {
  const options = { key, checkpoint: checkpoint === undefined ? undefined : await textFile(checkpoint) }
  try {
    const facts = await verifyBundle(createReadStream(file), options)
    const report = bundleReport(facts)
    print(json, { ok: true, ...row(facts), proved: report.proved, not_proved: report.notProved }, () => [
      'The file holds. Proved:',
      ...report.proved.map((line) => `  + ${line}`),
      'Not proved:',
      ...report.notProved.map((line) => `  - ${line}`),
    ])
  } catch (error) {
    if (!(error instanceof BundleRefused)) throw unreadable(error, file)
    const { code, message, line = null, event = null } = error
    print(json, { ok: false, code, message, line, event }, () => `The file does NOT hold: ${message}`)
    process.exitCode = exitCodes.refused
  }
}

/** A file that somebody names in a command. */
export async function textFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(error, path)
  }
}

function unreadable(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const known = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : undefined
  if (known) return new UsageError(`${path}: ${known}.`)
  return typeof code === 'string' && code.startsWith('E') ? new UsageError(`${path} cannot be read (${code}).`) : error
}

const row = ({ head, run, ...facts }: BundleFacts) => ({
  origin: head.origin,
  verifier_key: head.verifier_key,
  key_given: facts.keyGiven,
  account_id: head.account_id,
  project_id: head.project_id,
  made_at: iso(head.made_at),
  from: head.from,
  to: head.to,
  events: facts.events,
  streams: facts.streams,
  streams_begun_before: facts.partial,
  disclosed: facts.disclosed,
  foreign: { of_others: foreignRow(facts.foreign), elsewhere: foreignRow(facts.elsewhere) },
  checkpoints: facts.checkpoints,
  outside_checkpoint: facts.outside,
  run: run && {
    run_id: run.runId,
    started_at: iso(run.startedAt),
    started_by: run.startedBy,
    place: run.place,
    provider: run.provider,
    base_url: run.baseUrl,
    model: run.model,
    key_source: run.keySource,
    key_fingerprint: run.keyFingerprint,
    config_revision: run.configRevision,
    key_set_by: run.keySetBy && { ...run.keySetBy, at: iso(run.keySetBy.at) },
    reconfigured: run.reconfigured.map((c) => ({ ...c, at: iso(c.at) })),
    fallback: run.fallback && { ...run.fallback, at: iso(run.fallback.at) },
    end: run.end && { ...run.end, at: iso(run.end.at) },
  },
})

const foreignRow = ({ count, first }: ForeignNames) => ({
  count,
  events: first.map(({ projectId, ...event }) => ({ ...event, project_id: projectId })),
})
