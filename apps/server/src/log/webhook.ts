import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Logger } from 'pino'

const LIMIT_MS = 10_000
const RETRY_MS = { from: 1_000, to: 60_000 }

export type AnchorWebhook = {
  /** Posts the note as soon as the one before has been taken; of those that wait only the newest is sent. */
  post(size: number, note: string): void
  stop(): void
}

/** Posts checkpoints to an address outside. Tried again until taken, or until there is a newer one. */
export function anchorWebhook({ url, egress, log }: { url: string; egress: Egress; log: Logger }): AnchorWebhook {
  let waiting: { size: number; note: string } | undefined
  let running = false
  let timer: NodeJS.Timeout | undefined
  let pause = RETRY_MS.from

  const send = async ({ note }: { note: string }) => {
    const response = await egress.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: note,
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`it answered ${response.status}`)
  }
  const next = async () => {
    if (running || !waiting) return
    running = true
    const taken = waiting
    try {
      await send(taken)
      pause = RETRY_MS.from
      if (waiting === taken) waiting = undefined
    } catch (error) {
      log.warn({ err: error, size: taken.size, part: 'anchor' }, 'a checkpoint could not be posted')
      timer = setTimeout(() => void next(), pause)
      pause = Math.min(pause * 2, RETRY_MS.to)
      return
    } finally {
      running = false
    }
    await next()
  }
  return {
    post(size, note) {
      waiting = { size, note }
      clearTimeout(timer)
      void next()
    },
    stop() {
      waiting = undefined
      clearTimeout(timer)
    },
  }
}
