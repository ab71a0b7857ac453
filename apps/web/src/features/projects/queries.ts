import { trpc } from '../../lib/trpc.ts'

export const useProjects = () => trpc.projects.list.useQuery()
export const useProject = (projectId: string) => trpc.projects.get.useQuery({ projectId })

/** Everything that shows projects reads again after one of these. */
export function useCreateProject() {
  const utils = trpc.useUtils()
  return trpc.projects.create.useMutation({ onSuccess: () => utils.projects.invalidate() })
}
export function useRenameProject() {
  const utils = trpc.useUtils()
  return trpc.projects.rename.useMutation({ onSettled: () => utils.projects.invalidate() })
}
export function useArchiveProject() {
  const utils = trpc.useUtils()
  return trpc.projects.archive.useMutation({ onSettled: () => utils.projects.invalidate() })
}
