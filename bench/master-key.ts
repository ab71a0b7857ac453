import { randomUUID } from 'node:crypto'
import { rotateMaster } from '@stewrd/server/keys/rotate-master.ts'
import type { Bed } from './bed.ts'
import { startScript, startServer } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'

/** Data keys that move to another master key in a minute, while a server on the same keyring answers runs. */
export async function masterKey(bed: Bed, dataKeys: number): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const { platform, apiKey } = await makeProject(bed, upstream.url)
  started.defer(() => platform.close())
  const variables = { DATABASE_URL: bed.url, STEWRD_EGRESS_ALLOW: new URL(upstream.url).host }
  const node = await startServer(bed.home, variables)
  started.defer(() => node.stop())
  for (let made = 0; made < dataKeys; made += 50)
    await Promise.all(Array.from({ length: 50 }, () => platform.dataKeys.fresh(bed.accountId, randomUUID())))

  const end = new AbortController()
  let runs = 0
  let failed = 0
  const running = (async () => {
    while (!end.signal.aborted) {
      const answer = await fetch(`${node.url}/v1/agent`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'Say hello', stream: false }),
      })
      await answer.text()
      runs++
      if (!answer.ok) failed++
    }
  })()
  const began = performance.now()
  const { values, left } = await rotateMaster(platform, { actor: 'system:bench' })
  const minutes = (performance.now() - began) / 60_000
  end.abort()
  await running
  const note = `${values} data keys, ${left} left under the old key; ${failed} of ${runs} runs meanwhile failed`
  const name = 'master-key rotation, service running'
  return [{ name, measured: values / minutes, baseline: null, unit: 'keys/min', ratio: null, spread: null, note }]
}
