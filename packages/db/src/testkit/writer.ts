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
const execute = (of: StreamId, type: 'CreateProject' | 'RenameProject', name: string, commandId: string) =>
  store.execute(projects, of, { type, name }, { commandId, actor: 'user:w' })
await execute(stream, 'CreateProject', 'first', `${COMMAND_ID}-0`)
// Another stream's commands prepare the statement: the one that counts is a single message and its answer.
const another = { ...stream, stream: `${stream.stream}-another` }
await execute(another, 'CreateProject', 'first', `${COMMAND_ID}-1`)
await execute(another, 'RenameProject', 'second', `${COMMAND_ID}-2`)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
await execute(stream, 'RenameProject', 'second', COMMAND_ID!)
process.stdout.write('answered\n')
