import { Paperclip, Square, X } from 'lucide-react'
import { useRef, useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Field, Textarea } from '../../components/ui/field.tsx'

type Props = {
  /** Why nothing can be run. */
  why: string | undefined
  ready: boolean
  busy: boolean
  onSend: (message: string, files: readonly File[]) => void
  onStop: () => void
}

/** Where a message is written. Ctrl or Command and Enter sends it. */
export function Composer({ why, ready, busy, onSend, onStop }: Props) {
  const [message, setMessage] = useState('')
  const [files, setFiles] = useState<readonly File[]>([])
  const picker = useRef<HTMLInputElement>(null)
  const mayRun = why === undefined && ready && !busy && message.trim() !== ''
  const send = () => {
    if (!mayRun) return
    onSend(message, files)
    setMessage('')
    setFiles([])
  }
  return (
    <form
      className="flex flex-col gap-3 border-t px-4 py-4 sm:px-5"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <Field label="Message" hint="Ctrl+Enter, or Command+Enter on a Mac, runs it.">
        {(ids) => (
          <Textarea
            {...ids}
            rows={3}
            value={message}
            placeholder="Say hello"
            onChange={(event) => setMessage(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) send()
            }}
          />
        )}
      </Field>
      {files.length > 0 && (
        <ul aria-label="Files to send" className="flex flex-wrap gap-2">
          {files.map((file, i) => (
            <li
              key={`${i}-${file.name}`}
              className="flex items-center gap-1.5 rounded-md border bg-sunken py-1 pr-1 pl-2.5 text-[13px]"
            >
              {file.name}
              <button
                type="button"
                aria-label={`Do not send ${file.name}`}
                className="rounded p-1 text-muted hover:text-text"
                onClick={() => setFiles(files.filter((other) => other !== file))}
              >
                <X className="size-3.5" aria-hidden />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" busy={busy} why={why} disabled={!mayRun}>
          Run
        </Button>
        {busy && (
          <Button onClick={onStop}>
            <Square aria-hidden /> Stop
          </Button>
        )}
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Files"
          onChange={(event) => {
            setFiles([...files, ...(event.target.files ?? [])])
            event.target.value = ''
          }}
        />
        <Button className="ml-auto" onClick={() => picker.current?.click()}>
          <Paperclip aria-hidden /> Attach files
        </Button>
      </div>
    </form>
  )
}
