import { join, resolve } from 'node:path'
import { Secret } from '@stewrd/crypto/secret.ts'
import { DatabaseUrlError, parseDatabaseUrl } from '@stewrd/db/database-url.ts'
import { providerIds, providers } from '@stewrd/core/llm/providers.ts'
import { z } from 'zod'
import type { EdgeSettings } from './edge/variables.ts'
import { edgeSettingsOf, edgeVariables, PublicUrl } from './edge/variables.ts'
import type { Allowance } from './runs/allowance.ts'
import type { RunCapacity } from './runs/capacity.ts'
import { capacityVariables, runCapacityOf } from './runs/capacity.ts'
import type { S3Settings } from './files/s3-storage.ts'
import { ignoredProxies } from './kernel/ignored-proxies.ts'
import { optional } from './kernel/optional.ts'
import type { KeyringCredentials } from './keys/credentials.ts'
import type { KeyringSpec } from './keys/keyring-variable.ts'
import { KeyringSpecError, parseKeyringVariable } from './keys/keyring-variable.ts'

const checkout = resolve(import.meta.dirname, '../../..')

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
const databaseUrl = z.string().superRefine((url, context) => {
  try {
    parseDatabaseUrl(url)
  } catch (error) {
    if (!(error instanceof DatabaseUrlError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
})
const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[^\s,:[\]]+):\d{1,5}$/

const Variables = z.object({
  NODE_ENV: optional(z.enum(['development', 'production', 'test'])),
  PORT: optional(z.coerce.number('must be a port').int('must be a port').min(0).max(65_535, 'must be a port')),
  HOST: optional(z.string().trim().min(1)),
  STEWRD_HOME: optional(z.string().min(1)),
  DATABASE_URL: optional(databaseUrl),
  STEWRD_DATABASE_OWNER_URL: optional(databaseUrl),
  STEWRD_DATABASE_POOL: optional(
    z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(6, 'must be at least 6')
      .max(1000, 'must be at most 1000'),
  ),
  STEWRD_EGRESS_ALLOW: optional(
    z
      .string()
      .transform((text) => text.split(',').map((part) => part.trim()))
      .refine((list) => list.every((part) => hostAndPort.test(part)), 'must be host:port, or several with commas'),
  ),
  ...edgeVariables,
  ...capacityVariables,
  STEWRD_PUBLIC_URL: optional(PublicUrl),
  STEWRD_KEYRING: optional(z.string().trim().min(1)),
  STEWRD_PKCS11_PIN: optional(z.string()),
  STEWRD_PKCS11_PIN_FILE: optional(z.string()),
  AWS_ACCESS_KEY_ID: optional(z.string()),
  AWS_SECRET_ACCESS_KEY: optional(z.string()),
  AWS_SESSION_TOKEN: optional(z.string()),
  AWS_SHARED_CREDENTIALS_FILE: optional(z.string()),
  AWS_PROFILE: optional(z.string()),
  STEWRD_ANCHOR_DIR: optional(z.string().min(1)),
  STEWRD_ANCHOR_WEBHOOK: optional(httpUrl),
  STEWRD_LOG_LEVEL: optional(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])),
  STEWRD_METERING: optional(z.enum(['on', 'off'])),
  STEWRD_RATE_LIMIT_PER_MINUTE: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(0).max(1_000_000),
  ),
  STEWRD_FILE_LIMIT_MB: optional(
    z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(256, 'must be at most 256'),
  ),
  STEWRD_STORAGE_LIMIT_MB: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(0, 'must be at least 0').max(1_000_000_000),
  ),
  STEWRD_FILES_LIMIT: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(0, 'must be at least 0').max(1_000_000_000),
  ),
  STEWRD_ANSWER_LIMIT_MB: optional(
    z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(256, 'must be at most 256'),
  ),
  STEWRD_RUN_LIMIT_SECONDS: optional(
    z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(10, 'must be at least 10')
      .max(86_400, 'must be at most 86400, a day'),
  ),
  STEWRD_REQUEST_LIMIT_MB: optional(
    z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(256, 'must be at most 256'),
  ),
  STEWRD_S3_BUCKET: optional(httpUrl),
  STEWRD_S3_REGION: optional(z.string().trim().min(1)),
  STEWRD_S3_ACCESS_KEY_ID: optional(z.string().min(1)),
  STEWRD_S3_SECRET_ACCESS_KEY: optional(z.string().min(1)),
  STEWRD_CLOCK_TOLERANCE_SECONDS: optional(
    z.coerce.number('must be a number').min(2, 'must be at least 2').max(3600, 'must be at most 3600'),
  ),
  STEWRD_SESSION_LIMIT: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(1, 'must be at least 1'),
  ),
  STEWRD_DEFAULT_PROVIDER: optional(z.enum(providerIds)),
  STEWRD_DEFAULT_BASE_URL: optional(httpUrl),
  STEWRD_DEFAULT_API_KEY: optional(z.string().min(8, 'must be a whole key')),
  STEWRD_DEFAULT_MODEL: optional(z.string().trim().min(1).max(200)),
  STEWRD_DEFAULT_MODELS: optional(
    z
      .string()
      .transform((text) => text.split(',').map((part) => part.trim()))
      .refine(
        (list) => list.every((model) => model !== '' && model.length <= 200),
        'must be names of models, with commas',
      ),
  ),
  STEWRD_DEFAULT_MAX_CHOICES: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(1, 'must be at least 1').max(128),
  ),
  STEWRD_DEFAULT_MAX_OUTPUT_TOKENS: optional(
    z.coerce.number('must be a number').int('must be a whole number').min(1, 'must be at least 1').max(10_000_000),
  ),
})

/** What the process was configured with. Keys are `Secret`s from here on. */
export type Env = {
  production: boolean
  port: number
  host: string
  /** Database, keyring and files. An absolute path. */
  home: string
  /** Where master keys come from; the first is the primary one. Default: the file in `home`. */
  keyring: readonly [KeyringSpec, ...KeyringSpec[]]
  keyringCredentials: KeyringCredentials
  /** An outside Postgres. Absent: the embedded one in `home`. */
  databaseUrl?: string
  /** Of the login that owns the tables, connected directly, where `databaseUrl` is another one's. */
  databaseOwnerUrl?: string
  /** Connections to the database that this process holds at most. */
  databasePool: number
  egressAllow: readonly string[]
  /** Variables that name a proxy for calls to others, which is not used. */
  ignoredProxies: readonly string[]
  /** Runs cost credits. */
  metering: boolean
  /** Runs that a project may begin in a minute, unless it has a limit of its own. 0: any number. */
  runsPerMinute: number
  /** Runs that this process takes on. */
  runCapacity: RunCapacity
  publicUrl?: string
  edge: EdgeSettings
  logLevel: string
  /** A node whose clock differs from the database's by more is not ready, and carries out nothing that is due. */
  clockToleranceMs: number
  /** Active sessions that a project may have. */
  sessionLimit: number
  /** What a project may store that has no limit of its own; 0: any number. */
  storage: { storedMegabytes: number; storedFiles: number }
  /** Bytes of one stored file. */
  fileLimit: number
  /** Bytes of an answer of a provider, unpacked. */
  answerLimit: number
  /** Milliseconds that a run or a chat completion may take. */
  runLimit: number
  /** Bytes of the body of a chat completion, which may hold images. */
  completionLimit: number
  /** Where files lie. Absent: in the home. */
  s3?: S3Settings
  /** Every checkpoint of the log is also written here. An absolute path, best on another machine. */
  anchorDir: string
  /** Every checkpoint of the log is also posted here. */
  anchorWebhook?: string
  /** The deployment's own model, for projects without a key. */
  defaultModel?: {
    provider: (typeof providerIds)[number]
    baseUrl: string
    apiKey: Secret
    model: string
    allowance: Allowance
  }
}

/** Variables that cannot be used, by name. Never holds their values. */
export class EnvError extends Error {
  override readonly name = 'EnvError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((p) => `  ${p}`).join('\n')}`)
    this.problems = problems
  }
}

/** Reads every variable once. Throws `EnvError` with all that is wrong. */
export function readEnv(source: NodeJS.ProcessEnv = process.env): Env {
  const parsed = Variables.safeParse(source)
  if (!parsed.success) throw new EnvError(parsed.error.issues.map((i) => `${i.path.join('.')} ${problemOf(i)}`))
  const v = parsed.data
  if (v.STEWRD_DATABASE_OWNER_URL && !v.DATABASE_URL)
    throw new EnvError(['STEWRD_DATABASE_OWNER_URL needs DATABASE_URL, the login that requests use'])
  const defaultModel = defaultModelOf(v)
  const s3 = s3Of(v)
  const home = resolve(v.STEWRD_HOME ?? resolve(checkout, '.stewrd'))
  const production = v.NODE_ENV === 'production'
  return {
    production,
    port: v.PORT ?? 4400,
    host: v.HOST ?? '127.0.0.1',
    home,
    keyring: keyringOf(v.STEWRD_KEYRING ?? `file:${join(home, 'keyring.json')}`),
    keyringCredentials: keyringCredentialsOf(v),
    ...(v.DATABASE_URL === undefined ? {} : { databaseUrl: v.DATABASE_URL }),
    ...(v.STEWRD_DATABASE_OWNER_URL === undefined ? {} : { databaseOwnerUrl: v.STEWRD_DATABASE_OWNER_URL }),
    databasePool: v.STEWRD_DATABASE_POOL ?? 20,
    egressAllow: v.STEWRD_EGRESS_ALLOW ?? [],
    ignoredProxies: ignoredProxies(source),
    metering: v.STEWRD_METERING === 'on',
    runsPerMinute: v.STEWRD_RATE_LIMIT_PER_MINUTE ?? 60,
    ...(v.STEWRD_PUBLIC_URL === undefined ? {} : { publicUrl: v.STEWRD_PUBLIC_URL.replace(/\/+$/, '') }),
    runCapacity: runCapacityOf(v),
    edge: edgeSettingsOf(v, { production, host: v.HOST }),
    logLevel: v.STEWRD_LOG_LEVEL ?? 'info',
    clockToleranceMs: (v.STEWRD_CLOCK_TOLERANCE_SECONDS ?? 30) * 1000,
    sessionLimit: v.STEWRD_SESSION_LIMIT ?? 1000,
    storage: { storedMegabytes: v.STEWRD_STORAGE_LIMIT_MB ?? 10_240, storedFiles: v.STEWRD_FILES_LIMIT ?? 100_000 },
    fileLimit: (v.STEWRD_FILE_LIMIT_MB ?? 32) * 1024 * 1024,
    answerLimit: (v.STEWRD_ANSWER_LIMIT_MB ?? 32) * 1024 * 1024,
    runLimit: (v.STEWRD_RUN_LIMIT_SECONDS ?? 600) * 1000,
    completionLimit: (v.STEWRD_REQUEST_LIMIT_MB ?? 50) * 1024 * 1024,
    ...(s3 && { s3 }),
    anchorDir: resolve(v.STEWRD_ANCHOR_DIR ?? join(home, 'log', 'anchors')),
    ...(v.STEWRD_ANCHOR_WEBHOOK === undefined ? {} : { anchorWebhook: v.STEWRD_ANCHOR_WEBHOOK }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
  }
}

// Our own messages and zod's for enums and numbers name what is allowed, never what was given.
const problemOf = (issue: z.core.$ZodIssue) =>
  issue.code === 'invalid_value' ? `must be one of ${issue.values.join(', ')}` : issue.message

function s3Of(v: z.output<typeof Variables>): S3Settings | undefined {
  const { STEWRD_S3_BUCKET: endpoint, STEWRD_S3_ACCESS_KEY_ID: id, STEWRD_S3_SECRET_ACCESS_KEY: secret } = v
  if (!endpoint && !id && !secret) return undefined
  if (!endpoint || !id || !secret)
    throw new EnvError([
      'STEWRD_S3_BUCKET, STEWRD_S3_ACCESS_KEY_ID and STEWRD_S3_SECRET_ACCESS_KEY are needed together, or none of them',
    ])
  return { endpoint, region: v.STEWRD_S3_REGION ?? 'auto', accessKeyId: id, secretAccessKey: new Secret(secret) }
}

function keyringOf(text: string): Env['keyring'] {
  try {
    return parseKeyringVariable(text)
  } catch (error) {
    if (error instanceof KeyringSpecError) throw new EnvError([`STEWRD_KEYRING: ${error.message}`])
    throw error
  }
}

function keyringCredentialsOf(v: z.output<typeof Variables>): KeyringCredentials {
  const [id, secret, token, file] = [
    v.AWS_ACCESS_KEY_ID,
    v.AWS_SECRET_ACCESS_KEY,
    v.AWS_SESSION_TOKEN,
    v.AWS_SHARED_CREDENTIALS_FILE,
  ]
  const aws = id &&
    secret && {
      accessKeyId: id,
      secretAccessKey: new Secret(secret),
      ...(token && { sessionToken: new Secret(token) }),
    }
  return {
    ...(v.STEWRD_PKCS11_PIN !== undefined && { pkcs11Pin: new Secret(v.STEWRD_PKCS11_PIN) }),
    ...(v.STEWRD_PKCS11_PIN_FILE !== undefined && { pkcs11PinFile: v.STEWRD_PKCS11_PIN_FILE }),
    ...(aws && { aws }),
    ...(file !== undefined && { awsFile: { path: file, profile: v.AWS_PROFILE ?? 'default' } }),
  }
}

function defaultModelOf(v: z.output<typeof Variables>): Env['defaultModel'] {
  const given = [v.STEWRD_DEFAULT_PROVIDER, v.STEWRD_DEFAULT_BASE_URL, v.STEWRD_DEFAULT_API_KEY, v.STEWRD_DEFAULT_MODEL]
  if (given.every((value) => value === undefined)) return undefined
  const provider = v.STEWRD_DEFAULT_PROVIDER ?? (v.STEWRD_DEFAULT_BASE_URL ? 'custom' : 'openai')
  const baseUrl = (v.STEWRD_DEFAULT_BASE_URL ?? providers[provider].baseUrl)?.replace(/\/+$/, '')
  const missing = [
    ...(v.STEWRD_DEFAULT_API_KEY ? [] : ['STEWRD_DEFAULT_API_KEY is needed when another STEWRD_DEFAULT_* is set']),
    ...(v.STEWRD_DEFAULT_MODEL ? [] : ['STEWRD_DEFAULT_MODEL is needed when another STEWRD_DEFAULT_* is set']),
    ...(baseUrl ? [] : ['STEWRD_DEFAULT_BASE_URL is needed when STEWRD_DEFAULT_PROVIDER is custom']),
  ]
  if (missing.length > 0) throw new EnvError(missing)
  const model = v.STEWRD_DEFAULT_MODEL!
  const allowance = {
    models: [...new Set([model, ...(v.STEWRD_DEFAULT_MODELS ?? [])])],
    choices: v.STEWRD_DEFAULT_MAX_CHOICES ?? 1,
    outputTokens: v.STEWRD_DEFAULT_MAX_OUTPUT_TOKENS ?? 16_384,
  }
  return { provider, baseUrl: baseUrl!, apiKey: new Secret(v.STEWRD_DEFAULT_API_KEY!), model, allowance }
}
