import { randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Keyring } from '@stewrd/crypto/keyring-of.ts'
import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import { theAccount } from '@stewrd/db/accounts.ts'
import { DatabaseClock } from '@stewrd/db/clock.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { run } from '@stewrd/db/db-error.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import { createEventStore } from '@stewrd/db/event-store.ts'
import type { Accesses } from '@stewrd/db/logins.ts'
import { openAccesses } from '@stewrd/db/logins.ts'
import { migrate } from '@stewrd/db/migrate.ts'
import { waitForDatabase } from '@stewrd/db/wait-for-database.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Logger } from 'pino'
import type { Auth } from './auth/auth.ts'
import { createAuth } from './auth/auth.ts'
import type { Revocations } from './auth/revocations.ts'
import { revocations } from './auth/revocations.ts'
import { Verifier } from './audit/verifier.ts'
import type { ServerStorage } from './files/quota.ts'
import type { Files } from './files/create.ts'
import { createFiles } from './files/create.ts'
import { createTolls } from './credits/create.ts'
import type { Tolls } from './credits/tolls.ts'
import type { Env } from './env.ts'
import { createCustodian } from './key-custody/custodian.ts'
import { egressOf } from './kernel/egress-of.ts'
import type { WatchTimes } from './kernel/database-watch.ts'
import { DatabaseWatch } from './kernel/database-watch.ts'
import { DiskWatch } from './kernel/disk-watch.ts'
import { Jobs } from './kernel/jobs.ts'
import { openPools } from './kernel/pools.ts'
import type { Secrets } from './kernel/secrets.ts'
import { createSecrets } from './kernel/secrets.ts'
import type { Fallback } from './fallback.ts'
import { fallbackOf } from './fallback.ts'
import { PriceBook } from './prices/price-book.ts'
import { openKeyring } from './keys/open-keyring.ts'
import { createRotationKeeper } from './keys/rotation.ts'
import type { PublicLog } from './log/public-log.ts'
import { startPublicLog } from './log/public-log.ts'
import { RunLoad } from './runs/capacity.ts'
import type { ReadModels } from './read-models.ts'
import { startReadModels } from './read-models.ts'
import { Forgetting } from './shredding/forgetting.ts'
import { createShredKeeper } from './shredding/keeper.ts'
import { Nodes } from './system/nodes.ts'
import { ViewRates } from './system/view-rates.ts'
import type { WebhookTimes } from './webhooks/worker.ts'
import { WebhookWorker } from './webhooks/worker.ts'
import type { Setup } from './setup/first-run.ts'
import { firstRun } from './setup/first-run.ts'

/** Everything that the edges (tRPC, /v1, command line, jobs) work with. Made once by `createPlatform`. */
export type Platform = ReadModels & {
  accountId: string
  version: string
  /** Name of this process among the nodes that share the database. */
  node: string
  startedAt: number
  /** The database's time on this node. */
  clock: DatabaseClock
  /** Unix milliseconds, by `clock`. */
  now(): number
  fallback: Fallback
  /** Whether runs cost credits. */
  metering: boolean
  /** Runs that a project without a limit of its own may begin in a minute; 0: any number. */
  runsPerMinute: number
  runLoad: RunLoad
  tolls: Tolls
  files: Files
  priceBook: PriceBook
  /** Active sessions that a project may have. */
  sessionLimit: number
  /** What projects may store that have no limit of their own. */
  storage: ServerStorage
  /** Milliseconds that a run may take. */
  runLimit: number
  /** Bytes of the body of a chat completion. */
  completionLimit: number
  /** For requests: a statement sees what it names (`scoped`). */
  sql: Sql
  /** For what works on all projects. */
  worker: Sql
  /** How this process signs in to its database. */
  access: Accesses
  store: EventStore
  keyring: Keyring
  dataKeys: DataKeys
  egress: Egress
  secrets: Secrets
  people: Pick<Auth, 'find'>
  auth: Omit<Auth, 'find' | 'ownerExists' | 'createOwner'>
  /** What ends open streams. */
  revocations: Revocations
  setup: Setup
  nodes: Nodes
  forgetting: Forgetting
  viewRates: ViewRates
  disk: Pick<DiskWatch, 'problem'>
  publicLog: PublicLog
  verifier: Verifier
  webhooks: WebhookWorker
  /** What `replayView` needs. */
  replay: { sql: Sql; dataKeys: DataKeys; node: string }
  /** Makes an account without a link: for whoever has the machine itself. */
  createOwner: Auth['createOwner']
  /** Whether the database answers. */
  ready(): Promise<boolean>
  /** Calls `onStuck` when this process cannot reach the database for a minute although a fresh connection can. */
  watch(onStuck: () => void): void
  close(): Promise<void>
}

/** The name that commands know it by. */
export type ServerPlatform = Platform

export type PlatformOptions = {
  /** A command works beside a server on the same home; a server must have the home to itself. */
  as: 'server' | 'command'
  log: Logger
  onProgress?: (step: string) => void
  /** Shorter ones in tests. */
  webhookTimes?: WebhookTimes
  watchTimes?: WatchTimes
}

/** Starts what is needed, in order: database, keys, store, read models. What was started is stopped again when a later step fails. */
export async function createPlatform(
  env: Env,
  { as, log, onProgress = () => {}, webhookTimes, watchTimes }: PlatformOptions,
): Promise<Platform> {
  await using started = new AsyncDisposableStack()
  const url = env.databaseUrl ?? (await embedded(env, as, onProgress, started))
  const { connections: limit } = await waitForDatabase(url, { as, onProgress })
  const ownerUrl = env.databaseOwnerUrl ?? url
  await migrate(ownerUrl, { onProgress: (file) => onProgress(`Preparing the tables: ${file}`) })
  const clock = new DatabaseClock({ toleranceMs: env.clockToleranceMs })
  const { now } = clock
  const egress = egressOf(env)
  started.defer(() => egress.close())
  const { keyring, loginKey } = await openKeys(env, ownerUrl, egress, clock)
  const disk = new DiskWatch([env.home, env.anchorDir], { log, now })
  if (as === 'server') {
    disk.start()
    started.defer(() => disk.stop())
  }
  const access = await openAccesses({ url, ownerUrl: env.databaseOwnerUrl, key: loginKey })
  if (access.advice) log.warn({ part: 'database' }, access.advice)
  const pools = openPools(access, { as, size: env.databasePool, limit, onProgress })
  const { sql, worker } = pools
  started.defer(() => pools.close())
  const watch = new DatabaseWatch({ sql, access: access.app, times: watchTimes })
  started.defer(() => watch.stop())
  const dataKeys = new DataKeys(sql, keyring, { now })
  const { accountId } = await theAccount(sql, now())
  const node = `${hostname().slice(0, 40)}-${randomBytes(4).toString('hex')}`
  let poke = () => {}
  const store = createEventStore({ sql, dataKeys, now, onAppended: () => poke() })
  let onLogged = () => {}
  const readModels = startReadModels({
    sql,
    worker,
    dataKeys,
    node,
    log,
    onLogged: () => onLogged(),
    rebuilds: as === 'server',
  })
  poke = readModels.poke
  started.defer(() => readModels.stop())
  const lease = () => readModels.sequencer.lease
  const publicLog = await startPublicLog({ sql: worker, clock, dataKeys, accountId, env, lease, egress, log })
  onLogged = publicLog.poke
  started.defer(() => publicLog.stop())
  const masterKeys = async () => {
    await keyring.refresh?.()
    return keyring.keys.map(nameOfKek)
  }
  const alone = as === 'server' && env.databaseUrl === undefined
  const forgetting = new Forgetting(worker, [() => dataKeys.forget(), () => store.forget()])
  const nodes = new Nodes({ sql: worker, node, log, clock, alone, masterKeys, forgotten: () => forgetting.look() })
  if (as === 'server') {
    await nodes.start()
    started.defer(() => nodes.stop())
  }
  const viewRates = new ViewRates(readModels.views, log)
  if (as === 'server') {
    viewRates.start()
    started.defer(() => viewRates.stop())
  }
  const files = await createFiles(env, { sql, accountId, store, dataKeys, egress, now })
  const keeper = createRotationKeeper({ worker, store, keyring, dataKeys, nodes, accountId, clock }, log)
  if (as === 'server') {
    keeper.start()
    started.defer(() => keeper.stop())
  }
  const shredder = createShredKeeper({ worker, store, nodes, forgetting, files, accountId, clock }, log)
  if (as === 'server') {
    shredder.start()
    started.defer(() => shredder.stop())
  }
  const secret = (await dataKeys.deploymentKey('auth')).export().toString('base64')
  const revoked = revocations(worker, log)
  started.defer(() => revoked.stop())
  const auth = createAuth({ sql: pools.signIn, secret, clock, publicUrl: env.publicUrl })
  const secrets = await createSecrets(accountId, dataKeys)
  const custodian = createCustodian({ ...readModels, accountId, sql: worker, store, secrets, clock }, log)
  if (as === 'server') {
    custodian.start()
    started.defer(() => custodian.stop())
  }
  const webhooks = new WebhookWorker(
    { ...readModels, accountId, sql: worker, store, secrets, egress, files, node, clock, now, metering: env.metering },
    new Jobs(worker, log),
    log,
    webhookTimes,
  )
  if (as === 'server') {
    started.defer(() => webhooks.stop())
    await webhooks.start()
  }
  const stop = started.move()
  return {
    ...readModels,
    accountId,
    version,
    node,
    startedAt: now(),
    clock,
    now,
    fallback: fallbackOf(env),
    metering: env.metering,
    runsPerMinute: env.runsPerMinute,
    runLoad: new RunLoad(env.runCapacity),
    files,
    priceBook: new PriceBook({ accountId, store, egress }),
    tolls: createTolls(env, { ...readModels, accountId, sql, now }),
    sessionLimit: env.sessionLimit,
    storage: env.storage,
    runLimit: env.runLimit,
    completionLimit: env.completionLimit,
    sql,
    worker,
    access,
    store,
    keyring,
    dataKeys,
    egress,
    secrets,
    people: auth,
    auth,
    revocations: revoked,
    setup: firstRun(sql, auth),
    nodes,
    forgetting,
    viewRates,
    disk,
    publicLog,
    verifier: new Verifier({ sql: worker, dataKeys, publicLog, now, log }),
    webhooks,
    replay: { sql: worker, dataKeys, node },
    createOwner: (owner) => auth.createOwner(owner),
    ready: () => watch.ready(),
    watch: (onStuck) => watch.start(onStuck),
    close: () => stop.disposeAsync(),
  }
}

/** Of this program. */
export const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version

async function embedded(
  { home }: Env,
  as: PlatformOptions['as'],
  onProgress: (step: string) => void,
  started: AsyncDisposableStack,
): Promise<string> {
  const postgres = await startEmbedded({ home, as, onProgress })
  started.defer(() => postgres.stop({ smart: as === 'command' }))
  return postgres.url
}

type Keys = { keyring: Keyring; loginKey: KeyObject }

/**
 * A keyring is made only for a database that has nothing sealed yet: with another one the data would look lost. By the owner's login: from what is
 * opened here the passwords of the others are derived.
 */
async function openKeys(env: Env, ownerUrl: string, egress: Egress, clock: DatabaseClock): Promise<Keys> {
  const owner = connect(ownerUrl, { max: 2, role: null, waitSeconds: 30, applicationName: 'stewrd keys' })
  try {
    await clock.measure(owner)
    const { now } = clock
    const [{ used } = { used: true }] = await run(
      owner<{ used: boolean }[]>`select exists (select from data_keys) as used`,
    )
    const keyring = await openKeyring({ env, egress, now }, { create: !used })
    const dataKeys = new DataKeys(owner, keyring, { now })
    // Of several places the first is chosen: that is how one moves back. An only keyring that was left is rather an old copy.
    await dataKeys.checkKeyring(owner, { reopens: keyring.members.length > 1 })
    return { keyring, loginKey: await dataKeys.deploymentKey('database-login') }
  } finally {
    await disconnect(owner)
  }
}
