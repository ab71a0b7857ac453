import { Download, FileText } from 'lucide-react'
import { download } from '../../lib/download.ts'
import { useDownload } from './download.ts'

type Chip = { name: string; content?: string | undefined; fileId?: string | undefined }

/** Files of a run, each to be downloaded. */
export function FileChips({ projectId, files, label }: { projectId: string; files: readonly Chip[]; label: string }) {
  const stored = useDownload(projectId)
  if (files.length === 0) return null
  const open = ({ name, content, fileId }: Chip) =>
    fileId === undefined ? download(name, 'application/octet-stream', content ?? '') : stored.mutate(fileId)
  return (
    <ul aria-label={label} className="flex flex-wrap gap-2">
      {files.map((file, i) => (
        // A run may make a file of one name more than once.
        <li key={`${i}-${file.name}`}>
          <button
            type="button"
            onClick={() => open(file)}
            className="inline-flex max-w-72 items-center gap-2 rounded-md border bg-sunken px-2.5 py-1.5 text-[13px] hover:border-line-strong"
            aria-label={`Download ${file.name}`}
          >
            <FileText className="size-3.5 shrink-0 text-muted" aria-hidden />
            <span className="truncate">{file.name}</span>
            <Download className="size-3.5 shrink-0 text-muted" aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  )
}
