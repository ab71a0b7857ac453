import { trpc } from '../../lib/trpc.ts'

export const useProjects = () => trpc.projects.list.useQuery()
export const useProject = (projectId: string) => trpc.projects.get.useQuery({ projectId })

/** Why nothing of the project can be changed; undefined while it is in use, and while nothing is known of it. */
export function useAtRest(projectId: string): string | undefined {
  const { data } = useProject(projectId)
  return data && atRest[data.status]
}
const atRest: Record<string, string | undefined> = {
  archived: 'This project is archived: nothing in it can be changed.',
  shredding: 'This project is to be shredded: nothing in it can be changed.',
}

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
