import { globSync } from 'node:fs'

const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')

/** Variables for a process whose machine has a clock that is ahead: by libfaketime, or where that is not installed for JavaScript alone. */
export const clockAhead = (seconds: number): Record<string, string> =>
  library
    ? { LD_PRELOAD: library, FAKETIME: `+${seconds}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    : { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shifted(seconds * 1000))}` }

const shifted = (ms: number) => `
  const Real = Date
  const now = () => Real.now() + ${ms}
  globalThis.Date = class extends Real {
    constructor(...parts) { super(...(parts.length > 0 ? parts : [now()])) }
    static now() { return now() }
  }`
