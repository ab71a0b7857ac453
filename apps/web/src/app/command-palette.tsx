import { useNavigate } from '@tanstack/react-router'
import { Command } from 'cmdk'
import { useEffect, useState } from 'react'
import { Dialog } from '../components/ui/dialog.tsx'
import { useProjects } from '../features/projects/queries.ts'

const item =
  'flex cursor-pointer items-center justify-between gap-3 rounded-md px-3 py-2 text-sm data-[selected=true]:bg-sunken'

/** ⌘K or Ctrl+K: to any project or page by typing. */
export function CommandPalette() {
  const [open, setOpen] = useState(false)
  const navigate = useNavigate()
  const projects = useProjects()
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return
      event.preventDefault()
      setOpen((was) => !was)
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  const go = (work: () => Promise<void>) => () => {
    setOpen(false)
    void work()
  }
  return (
    <Dialog open={open} onOpenChange={setOpen} title="Go to">
      <Command label="Go to" className="p-2">
        <Command.Input
          autoFocus
          placeholder="Type a project or a page"
          className="mb-2 w-full rounded-md bg-transparent px-3 py-2 text-sm placeholder:text-faint"
        />
        <Command.List className="max-h-80 overflow-y-auto">
          <Command.Empty className="px-3 py-6 text-center text-sm text-muted">Nothing of that name.</Command.Empty>
          <Command.Group
            heading="Projects"
            className="text-xs text-muted [&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1.5"
          >
            {(projects.data ?? []).map((p) => (
              <Command.Item
                key={p.projectId}
                value={`${p.name} ${p.projectId}`}
                className={item}
                onSelect={go(() => navigate({ to: '/projects/$projectId', params: { projectId: p.projectId } }))}
              >
                <span className="text-text">{p.name}</span>
                <span className="font-mono">{p.llm.model}</span>
              </Command.Item>
            ))}
          </Command.Group>
          <Command.Group
            heading="Pages"
            className="text-xs text-muted [&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1.5"
          >
            {(
              [
                ['/', 'Projects'],
                ['/history', 'History'],
                ['/usage', 'Usage'],
                ['/rotations', 'Key rotations'],
                ['/keys', 'Master keys'],
                ['/system', 'System'],
              ] as const
            ).map(([to, label]) => (
              <Command.Item key={to} value={label} className={item} onSelect={go(() => navigate({ to }))}>
                <span className="text-text">{label}</span>
              </Command.Item>
            ))}
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  )
}
