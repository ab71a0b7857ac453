import { Readable } from 'node:stream'
import type { RunStartedData } from '@stewrd/core/runs/events.ts'
import type { Tool } from '@stewrd/runtime/loop/tool.ts'
import { ToolError } from '@stewrd/runtime/loop/tool.ts'
import { dataTools } from '@stewrd/runtime/tools/data-tools.ts'
import { fileTools } from '@stewrd/runtime/tools/files-tools.ts'
import type { RunFiles } from '@stewrd/runtime/tools/run-files.ts'
import { StorageLimitReached } from '../files/quota.ts'
import { FileTooLarge } from '../files/service.ts'
import type { RunsDeps } from './deps.ts'

type Of = { runId: string; projectId: string }

/** The tools that a run has of its capabilities; none beside tools of the client's own. */
export function toolsOf(deps: Pick<RunsDeps, 'files'>, run: Of, { tools, capabilities }: RunStartedData): Tool[] {
  if (tools.length > 0) return []
  const files = filesOf(deps, run)
  return [...fileTools(files), ...dataTools(files)].filter(({ capability }) => capabilities.includes(capability))
}

const filesOf = ({ files: { service } }: Pick<RunsDeps, 'files'>, { runId, projectId }: Of): RunFiles => ({
  projectId,
  async read(fileId) {
    const file = await service.find({ projectId, fileId })
    if (!file) throw new ToolError('The file was removed.')
    return service.content({ projectId, fileId }, file)
  },
  async keep(name, content) {
    try {
      const about = { projectId, runId, name, origin: 'tool' } as const
      const { fileId } = await service.keep(about, Readable.from([content]), (append) =>
        append({ actor: 'system:runtime' }),
      )
      return fileId
    } catch (error) {
      if (error instanceof FileTooLarge || error instanceof StorageLimitReached) throw new ToolError(error.message)
      throw error
    }
  },
})
