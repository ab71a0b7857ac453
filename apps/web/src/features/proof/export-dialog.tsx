import { Download, FileCheck } from 'lucide-react'
import { useState } from 'react'
import { Button, buttonStyle } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { count } from '../../lib/format.ts'
import { bundleUrl, useExportPreview } from './queries.ts'
import { VerifyHint } from './verify-hint.tsx'

const choices = [
  ['nothing', 'Nothing', 'What happened, when and by whom is proved; contents stay sealed.'],
  ['configuration', 'Configuration', 'Changes of the configuration are readable; what was said in runs stays sealed.'],
  ['everything', 'Everything', 'All contents are readable, also what was said in runs.'],
] as const
type Choice = (typeof choices)[number][0]

/** The history of a project as a file that others can check. */
export function ExportButton({ projectId }: { projectId: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button size="sm" onClick={() => setOpen(true)}>
        <FileCheck aria-hidden /> Proof bundle
      </Button>
      <ExportDialog projectId={projectId} open={open} onOpenChange={setOpen} />
    </>
  )
}

type Props = { projectId: string; open: boolean; onOpenChange: (open: boolean) => void }

function ExportDialog({ projectId, open, onOpenChange }: Props) {
  const [disclose, setDisclose] = useState<Choice>('configuration')
  const preview = useExportPreview(projectId, open)
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Proof bundle"
      description="The history of this project as one file, with the proof that none of it was changed."
      wide
    >
      <div className="flex flex-col gap-5 p-5 text-[13.5px]">
        <fieldset>
          <legend className="mb-2 text-xs font-medium text-muted">What may be read in it</legend>
          <div className="flex flex-col gap-2">
            {choices.map(([value, name, says]) => (
              <label
                key={value}
                className="flex cursor-pointer items-start gap-3 rounded-lg border px-3.5 py-2.5 has-checked:border-accent has-checked:bg-accent-soft"
              >
                <input
                  type="radio"
                  name="disclose"
                  className="mt-1 accent-accent"
                  checked={disclose === value}
                  onChange={() => setDisclose(value)}
                />
                <span className="font-medium">
                  {name}
                  <span className="block text-[13px] font-normal text-text/80">{says}</span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        {preview.isError ? (
          <Failed error={preview.error} retry={() => void preview.refetch()} />
        ) : !preview.data ? (
          <Skeleton className="h-24" />
        ) : (
          <>
            <Covered {...preview.data} />
            <VerifyHint file={`${projectId}.proof`} verifierKey={preview.data.verifierKey} />
          </>
        )}
      </div>
      <DialogFooter>
        <Button onClick={() => onOpenChange(false)}>Close</Button>
        <a
          href={bundleUrl(projectId, disclose)}
          download={`${projectId}.proof`}
          className={buttonStyle({ look: 'primary' })}
        >
          <Download aria-hidden /> Download
        </a>
      </DialogFooter>
    </Dialog>
  )
}

function Covered({ events, logSize, signed }: { events: number; logSize: number; signed: number }) {
  if (signed < logSize)
    return (
      <Notice tone="warn">
        The log is signed up to {count(signed)} of {count(logSize)} events: what came after that is left out.
      </Notice>
    )
  return (
    <p className="text-muted">
      <span className="tnum">{count(events)}</span> events, all under a signed checkpoint. No provider key and no data
      key is in the file.
    </p>
  )
}
