import { useMutation } from '@tanstack/react-query'
import { toast } from 'sonner'
import { messageOf, trpc } from '../../lib/trpc.ts'

/** Fetches a stored file, under a URL that is made for it now. */
export function useDownload(projectId: string) {
  const url = trpc.files.url.useMutation()
  return useMutation({
    mutationFn: async (fileId: string) => {
      const { path } = await url.mutateAsync({ projectId, fileId })
      // The answer is an attachment: the page stays.
      location.assign(path)
    },
    onError: (error) => toast.error(messageOf(error)),
  })
}
