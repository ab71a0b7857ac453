// A process of its own that appends, orders, hashes and signs, and is killed at a step: DB_URL, KEYRING, LOG_HOME, STREAM (JSON), DIE_AT.
import { join } from 'node:path'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { createEventStore } from '@stewrd/db/event-store.ts'
import { LogTree } from '@stewrd/db/log-tree/log-tree.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import { createLogger } from '../../kernel/log.ts'
import { checkpointFiles } from '../checkpoint-files.ts'
import { Signer } from '../signer.ts'
import { noteKey } from './signing-world.ts'
import type { LogStep } from './steps.ts'

const { DB_URL, KEYRING, LOG_HOME, STREAM, DIE_AT } = process.env
const at = (step: LogStep) => {
  if (step === DIE_AT) process.kill(process.pid, 'SIGKILL')
}

const app = connect(DB_URL!, { max: 3 })
const sql = connect(DB_URL!, { max: 3, role: 'stewrd_worker' })
const store = createEventStore({ sql: app, dataKeys: new DataKeys(app, await openKeyringFile(KEYRING!)) })
const stream = JSON.parse(STREAM!) as StreamId
const by = (n: number) => ({ commandId: `${stream.projectId}-${n}`, actor: 'user:w' })
await store.execute(projects, stream, { type: 'CreateProject', name: 'first' }, by(0))
for (let n = 1; n <= 4; n++) await store.execute(projects, stream, { type: 'RenameProject', name: `name ${n}` }, by(n))
at('appended')

const sequencer = new Sequencer({ sql, node: 'killed', onLogged: () => at('placed') })
const lease = () => sequencer.lease
const tree = new LogTree({ sql, lease, onHashed: () => at('hashed'), onGrown: () => at('grown') })
const signer = new Signer({
  clockTrusted: () => true,
  sql,
  signer: noteKey,
  lease,
  own: checkpointFiles(join(LOG_HOME!, 'own')),
  anchors: checkpointFiles(join(LOG_HOME!, 'anchors')),
  log: createLogger({ production: true, logLevel: 'silent' }),
  onStep: at,
})
await sequencer.drain()
await tree.drain()
await signer.sign()
await sequencer.stop()
await Promise.all([disconnect(app), disconnect(sql)])
