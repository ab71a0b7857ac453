import { useState } from 'react'
import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type RotationAudit = Outputs['audit']['rotations']
export type AuditedProject = RotationAudit['projects'][number]
export type AuditedKey = AuditedProject['keys'][number]
export type ConfigAt = Outputs['audit']['configAt']
export type Moment = { time: number } | { revision: number }

export const useRotations = (projectId: string | undefined, maxAgeDays: number | null) =>
  trpc.audit.rotations.useQuery(
    { ...(projectId && { projectId }), maxAgeDays },
    { placeholderData: (before) => before },
  )
/** Made on the server when it is asked for. */
export function useRotationsPdf(projectId: string | undefined, maxAgeDays: number | null) {
  const utils = trpc.useUtils()
  const [loading, setLoading] = useState(false)
  const load = async () => {
    setLoading(true)
    try {
      const input = { ...(projectId && { projectId }), maxAgeDays }
      const { base64 } = await utils.audit.rotationsPdf.fetch(input, { staleTime: 0 })
      return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))
    } finally {
      setLoading(false)
    }
  }
  return { load, loading }
}
export const useConfigAt = (projectId: string, at: Moment) =>
  trpc.audit.configAt.useQuery({ projectId, at }, { placeholderData: (before) => before })
/** Configuration changes of a project, newest first: the stops of time travel. */
export const useConfigChanges = (projectId: string) =>
  trpc.history.list.useQuery({ projectId, nouns: ['llm'], limit: 500 })
