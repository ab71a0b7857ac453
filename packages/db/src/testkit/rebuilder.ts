// A process of its own that rebuilds a view and is killed at a step: DB_URL, KEYRING, VIEW, DIE_AT.
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { connect, disconnect } from '../connect.ts'
import { DataKeys } from '../data-keys.ts'
import { replayView } from '../replay.ts'

const { DB_URL, KEYRING, VIEW, DIE_AT } = process.env
const sql = connect(DB_URL!, { max: 3, role: 'stewrd_worker' })
const dataKeys = new DataKeys(sql, await openKeyringFile(KEYRING!))
const onStep = (step: string) => {
  if (step === DIE_AT) process.kill(process.pid, 'SIGKILL')
}
await replayView({ sql, dataKeys, node: 'killed' }, VIEW!, { onStep })
await disconnect(sql)
