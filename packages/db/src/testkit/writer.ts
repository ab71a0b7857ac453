// A process of its own that writes, to be killed: DB_URL, KEYRING, STREAM (JSON), COMMAND_ID.
import { once } from 'node:events'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { connect } from '../connect.ts'
import { DataKeys } from '../data-keys.ts'
import { createEventStore } from '../event-store.ts'

const { DB_URL, KEYRING, STREAM, COMMAND_ID } = process.env
const sql = connect(DB_URL!, { max: 1 })
const store = createEventStore({ sql, dataKeys: new DataKeys(sql, await openKeyringFile(KEYRING!)) })
const stream = JSON.parse(STREAM!) as StreamId
// The first command prepares the statement: the second one is a single message and its answer.
await store.execute(
  projects,
  stream,
  { type: 'CreateProject', name: 'first' },
  { commandId: `${COMMAND_ID}-0`, actor: 'user:w' },
)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
await store.execute(
  projects,
  stream,
  { type: 'RenameProject', name: 'second' },
  { commandId: COMMAND_ID!, actor: 'user:w' },
)
process.stdout.write('answered\n')
