/** A timer that fires later than this fires in a process that stood still: it was stopped, or its machine slept. */
const STOOD_STILL_MS = 500
/** Time to take in what came meanwhile. */
const GRACE_MS = 1_000

/**
 * Calls `late` after `ms`, and later when this process stood still meanwhile: what it waits for may have come long ago, and timers are
 * looked at before connections are read. Returns what takes it back.
 */
export function onDeadline(ms: number, late: () => void): () => void {
  const due = performance.now() + ms
  let timer = setTimeout(() => {
    if (performance.now() - due < STOOD_STILL_MS) late()
    else timer = setTimeout(late, GRACE_MS)
  }, ms)
  return () => clearTimeout(timer)
}
