import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { testPlatform } from '../testing/platform.ts'

test('`stewrd audit key --json` names the log and its key, as the server does', async () => {
  const tested = await testPlatform()
  onTestFinished(() => tested.close())
  const cli = join(import.meta.dirname, '..', 'cli.ts')
  const env = { ...process.env, DATABASE_URL: tested.database.url, STEWRD_HOME: tested.env.home }
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'audit', 'key', '--json'], { env })
  const { origin, verifierKey } = tested.platform.publicLog
  expect(JSON.parse(stdout)).toEqual({ origin, verifier_key: verifierKey })
})
