import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { ShredDialog } from '../shredding/shred-dialog.tsx'
import { useArchiveProject, useProject, useRenameProject } from './queries.ts'

/** Name, id, and the end of a project. */
export function ProjectSettings({ projectId }: { projectId: string }) {
  const project = useProject(projectId)
  const rename = useRenameProject()
  const archive = useArchiveProject()
  const [typed, setTyped] = useState<string>()
  const [asking, setAsking] = useState(false)
  const name = typed ?? project.data?.name ?? ''
  const [shredding, setShredding] = useState(false)
  const { status } = project.data ?? {}
  const fixed = status !== 'active'
  const submit = async () => {
    await rename.mutateAsync({ projectId, name })
    setTyped(undefined)
    toast.success('Renamed.')
  }
  return (
    <Card title="Project">
      <div className="flex flex-col gap-4 px-4 py-4 sm:px-5">
        <form
          className="flex flex-wrap items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault()
            void submit().catch(() => {})
          }}
        >
          <Field label="Name" className="w-full sm:w-80" error={rename.isError ? messageOf(rename.error) : undefined}>
            {(ids) => (
              <Input {...ids} value={name} maxLength={80} disabled={fixed} onChange={(e) => setTyped(e.target.value)} />
            )}
          </Field>
          <Button type="submit" disabled={!name.trim() || name === project.data?.name || fixed} busy={rename.isPending}>
            Rename
          </Button>
        </form>
        <div className="flex flex-wrap items-center gap-3 text-[13px]">
          <span className="text-muted">Project id</span>
          <Mono>{projectId}</Mono>
          <CopyButton text={projectId} label="Copy id" />
        </div>
        {status === 'active' && (
          <div className="flex flex-wrap items-center justify-between gap-3 border-t pt-4 text-[13px]">
            <p className="text-muted">Archiving ends all runs and changes. The history stays.</p>
            <Button size="sm" look="danger" onClick={() => setAsking(true)}>
              Archive project
            </Button>
          </div>
        )}
        {(status === 'active' || status === 'archived') && (
          <div className="flex flex-wrap items-center justify-between gap-3 border-t pt-4 text-[13px]">
            <p className="text-muted">Shredding destroys its keys: nobody can read its contents again.</p>
            <Button size="sm" look="danger" onClick={() => setShredding(true)}>
              Shred project
            </Button>
          </div>
        )}
      </div>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title="Archive this project?"
        confirm="Archive"
        danger
        busy={archive.isPending}
        error={archive.error}
        onConfirm={async () => {
          await archive.mutateAsync({ projectId })
          setAsking(false)
        }}
      >
        Its API key stops working and nothing in it can be changed any more. Its history can still be read.
      </ConfirmDialog>
      <ShredDialog projectId={projectId} name={project.data?.name ?? ''} open={shredding} onOpenChange={setShredding} />
    </Card>
  )
}
