import { Agent, request } from 'undici'

/** Where a call goes, and what it sends. */
export type Way = { url: string; key: string; body: unknown; headers?: Record<string, string> }

/** How long each of so many calls took, in milliseconds. */
export async function load(
  { url, key, body, headers: more }: Way,
  connections: number,
  calls: number,
): Promise<number[]> {
  const dispatcher = new Agent({ connections })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more }
  const times: number[] = []
  let left = calls
  const worker = async () => {
    while (left-- > 0) {
      const began = performance.now()
      const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}: ${text.slice(0, 200)}`)
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  await dispatcher.close()
  return times
}
