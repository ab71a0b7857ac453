import { useParams } from '@tanstack/react-router'
import { Download, FileText, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Older } from '../../components/ui/older.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Badge, Card, PageHeader } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { bytes } from '../../lib/format.ts'
import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'
import { useAtRest } from '../projects/queries.ts'
import { useDownload } from './download.ts'

type FileRow = Outputs['files']['list']['files'][number]
const origins = { upload: 'Uploaded', message: 'Sent with a message', tool: 'Made by a run' } as const

/** Files that clients uploaded and runs made. */
export function FilesPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/files' })
  const files = trpc.files.list.useInfiniteQuery(
    { projectId, limit: 50 },
    { getNextPageParam: (page) => page.nextCursor, refetchInterval: 5_000 },
  )
  const [removing, setRemoving] = useState<FileRow>()
  const atRest = useAtRest(projectId)
  const rows = files.data?.pages.flatMap((page) => page.files) ?? []
  return (
    <>
      <PageHeader
        title="Files"
        description="What clients uploaded and runs made. Contents are sealed with this project's keys."
      />
      <Card>
        {files.isError ? (
          <Failed error={files.error} retry={() => void files.refetch()} />
        ) : files.isPending ? (
          <Rows />
        ) : rows.length === 0 ? (
          <Empty icon={<FileText aria-hidden />} title="No files yet">
            Files that clients upload to <code className="font-mono">/v1/files</code>, and larger ones that runs are
            sent or make, are kept here. Short texts stay in their runs.
          </Empty>
        ) : (
          <ul className="divide-y" aria-label="Files, newest first">
            {rows.map((file) => (
              <Row key={file.fileId} file={file} fixed={atRest} onRemove={() => setRemoving(file)} />
            ))}
          </ul>
        )}
        <Older pages={files} what="files" />
      </Card>
      <RemoveDialog file={removing} onClose={() => setRemoving(undefined)} />
    </>
  )
}

function Row({ file, fixed, onRemove }: { file: FileRow; fixed: string | undefined; onRemove: () => void }) {
  const download = useDownload(file.projectId)
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 sm:px-5">
      <FileText className="size-4 shrink-0 text-muted" aria-hidden />
      <div className="min-w-0 flex-1 basis-48">
        <p className="truncate text-sm font-medium" title={file.name}>
          {file.name}
        </p>
        <p className="flex flex-wrap gap-x-2 text-xs text-muted">
          <span className="tnum">{bytes(file.bytes)}</span>
          <span>{file.mediaType}</span>
          <Ago at={file.storedAt} />
        </p>
      </div>
      <Badge>{origins[file.origin]}</Badge>
      <div className="flex gap-2">
        <Button
          size="sm"
          busy={download.isPending}
          onClick={() => download.mutate(file.fileId)}
          aria-label={`Download ${file.name}`}
        >
          <Download aria-hidden /> Download
        </Button>
        <Button size="sm" look="danger" why={fixed} onClick={onRemove} aria-label={`Remove ${file.name}`}>
          <Trash2 aria-hidden />
        </Button>
      </div>
    </li>
  )
}

function RemoveDialog({ file, onClose }: { file: FileRow | undefined; onClose: () => void }) {
  const utils = trpc.useUtils()
  const remove = trpc.files.remove.useMutation()
  const onConfirm = async () => {
    if (!file) return
    const { projectId, fileId } = file
    await remove.mutateAsync({ projectId, fileId })
    // The list follows the event in a moment; until then it would show the file once more.
    utils.files.list.setInfiniteData({ projectId, limit: 50 }, (data) => {
      if (!data) return data
      const pages = data.pages.map((page) => ({ ...page, files: page.files.filter((one) => one.fileId !== fileId) }))
      return { ...data, pages }
    })
    toast.success(`${file.name} is removed.`)
    onClose()
  }
  return (
    <ConfirmDialog
      open={file !== undefined}
      onOpenChange={onClose}
      title={`Remove ${file?.name ?? 'the file'}?`}
      confirm="Remove"
      danger
      busy={remove.isPending}
      error={remove.error}
      onConfirm={onConfirm}
    >
      Its content is destroyed, and its links stop working. That it was there stays in the history.
    </ConfirmDialog>
  )
}
