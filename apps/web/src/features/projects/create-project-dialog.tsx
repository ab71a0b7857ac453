import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { keepNewKey } from '../api-keys/new-keys.ts'
import { useCreateProject } from './queries.ts'

export function CreateProjectDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const [name, setName] = useState('')
  // One id for one wish: pressing twice, or again after a lost connection, makes one project.
  const [commandId, setCommandId] = useState(() => crypto.randomUUID())
  const create = useCreateProject()
  const navigate = useNavigate()
  const submit = async () => {
    const { projectId, apiKey } = await create.mutateAsync({ name, commandId })
    if (apiKey) keepNewKey(projectId, apiKey)
    onOpenChange(false)
    setName('')
    setCommandId(crypto.randomUUID())
    await navigate({ to: '/projects/$projectId', params: { projectId } })
  }
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="New project" description="You can rename it at any time.">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit().catch(() => {})
        }}
      >
        <div className="px-5 py-4">
          <Field label="Name" error={create.isError ? messageOf(create.error) : undefined}>
            {(ids) => (
              <Input
                {...ids}
                autoFocus
                value={name}
                maxLength={80}
                placeholder="Support assistant"
                onChange={(e) => setName(e.target.value)}
              />
            )}
          </Field>
        </div>
        <DialogFooter>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button type="submit" look="primary" disabled={!name.trim()} busy={create.isPending}>
            Create project
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
