import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type RunReceipt = Outputs['proof']['receipt']
type Disclosure = 'nothing' | 'configuration' | 'everything'

/** Signed within a second: asked again until then. */
const SOON_MS = 700

export const useEventProof = (index: number) =>
  trpc.proof.event.useQuery(
    { index },
    { refetchInterval: ({ state }) => (state.data?.status === 'waiting' ? SOON_MS : false) },
  )
export const useRunReceipt = (projectId: string, runId: string) =>
  trpc.proof.receipt.useQuery(
    { projectId, runId },
    { refetchInterval: ({ state }) => (state.data?.status === 'waiting' ? SOON_MS : false) },
  )
export const useExportPreview = (projectId: string, open: boolean) =>
  trpc.proof.export.useQuery({ projectId }, { enabled: open, refetchInterval: open ? 2_000 : false })

/** Where the file comes from: a browser saves it as it arrives. */
export const bundleUrl = (projectId: string, disclose: Disclosure) => `/api/proof/${projectId}?disclose=${disclose}`
