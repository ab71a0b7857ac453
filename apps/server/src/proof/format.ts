import type { EventHeader } from '@stewrd/crypto/envelope.ts'
import { z } from 'zod'

/** One line of a bundle may be so long, in bytes: a run can bring files, and base64 and escapes make them larger. */
export const MAX_LINE = 32 * 1024 * 1024
export const FORMAT = 'stewrd/bundle/v1'
/** Of a bundle with events that were recorded under one project in a stream of another. */
export const FOREIGN_FORMAT = 'stewrd/bundle/v2'

const bytes = (length?: number) =>
  z.string().refine((text) => {
    const decoded = Buffer.from(text, 'base64')
    return decoded.toString('base64') === text && (length === undefined || decoded.length === length)
  }, 'is not base64 of the right length')
const Hash = bytes(32)
const Hashes = z.array(Hash).max(64)
const Id = z.uuid().refine((id) => id === id.toLowerCase(), 'is not lower case')
const Count = z.int().min(0)
/** Unix milliseconds that a date can show. */
const Time = z.int().min(0).max(8_640_000_000_000_000)
const Text = z.string().min(1).max(1000)

/** What was opened for whoever reads the bundle. `configuration`: all but what was said in runs. */
export const disclosures = ['nothing', 'configuration', 'everything', 'run'] as const

export const Head = z.strictObject({
  format: z.enum([FORMAT, FOREIGN_FORMAT]),
  account_id: Id,
  project_id: Id,
  /** The run that it is a receipt of; null: the project. */
  run_id: Id.nullable(),
  /** Places in the log: the first, and the one after the last. */
  from: Count,
  to: Count,
  disclosed: z.enum(disclosures),
  made_at: Time,
  origin: Text,
  verifier_key: Text,
})
export type Head = z.infer<typeof Head>

/** A signed tree head, and how the log got there from the one on the line before. */
export const Checkpoint = z.strictObject({
  checkpoint: z.strictObject({ note: z.string().max(16_384), consistency: Hashes }),
})
export type Checkpoint = z.infer<typeof Checkpoint>

const Header = z.strictObject({
  account_id: Id,
  project_id: Id,
  stream: Text,
  seq: z.int().min(1),
  event_id: Id,
  type: Text,
  version: Count,
  dek_id: Id,
  at: Time,
  actor: Text,
  commitment: Hash,
  command_id: Text,
  n: Count,
  command_mac: Hash,
})

export const Event = z.strictObject({
  event: z.strictObject({
    index: Count,
    header: Header,
    envelope: bytes(),
    previous: Hash,
    proof: Hashes,
    disclosed: z.strictObject({ salt: Hash, payload: z.string() }).nullable(),
  }),
})
export type Event = z.infer<typeof Event>

export const End = z.strictObject({ end: z.strictObject({ note: z.string().max(16_384) }) })
export type End = z.infer<typeof End>

export type BundleRecord = Head | Checkpoint | Event | End

/** The one spelling of a record: fields in the order of the format, no spaces. */
export const encode = (record: BundleRecord): string => `${JSON.stringify(record)}\n`

/** What `line` says, if it is spelled as `encode` spells it. Otherwise why not, in words without any of its content. */
export function decode<T extends z.ZodType<BundleRecord>>(
  schema: T,
  line: string,
): { record: z.output<T> } | { problem: string } {
  const json = parseJson(line)
  if (json === undefined) return { problem: 'is not JSON' }
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    return { problem: `has a field that does not fit: ${path.join('.') || 'the record'}: ${message}` }
  }
  return encode(parsed.data) === `${line}\n`
    ? { record: parsed.data }
    : { problem: 'is not spelled as the format says' }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The header as it was sealed and chained. */
export const headerOf = ({ event: { header: h } }: Event): EventHeader => ({
  accountId: h.account_id,
  projectId: h.project_id,
  stream: h.stream,
  seq: h.seq,
  eventId: h.event_id,
  type: h.type,
  version: h.version,
  dekId: h.dek_id,
  at: h.at,
  actor: h.actor,
  commitment: unbase64(h.commitment),
  commandId: h.command_id,
  n: h.n,
  commandMac: unbase64(h.command_mac),
})

export const base64 = (value: Uint8Array): string => Buffer.from(value).toString('base64')
export const unbase64 = (text: string): Buffer => Buffer.from(text, 'base64')
