import { Notice } from '../../components/ui/states.tsx'
import type { KeyTest } from './queries.ts'

/** What a test of a key found, before anything is saved. */
export function KeyTestResult({ result }: { result: KeyTest }) {
  if (result.status === 'verified')
    return (
      <Notice tone="good" title={`The provider accepts this key (${result.latencyMs} ms)`}>
        {result.inUse && 'It is the key that is in use already.'}
      </Notice>
    )
  if (result.status === 'rejected')
    return (
      <Notice tone="bad" title={`The provider refuses this key (HTTP ${result.httpStatus})`}>
        {result.reason}
      </Notice>
    )
  return (
    <Notice tone="warn" title="This key could not be verified">
      {result.reason} You can save it all the same; it is shown as not verified.
    </Notice>
  )
}
