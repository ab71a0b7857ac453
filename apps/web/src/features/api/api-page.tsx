import { useParams } from '@tanstack/react-router'
import { ExternalLink } from 'lucide-react'
import { useState } from 'react'
import { buttonStyle } from '../../components/ui/button.tsx'
import { Code } from '../../components/ui/code.tsx'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Choices } from '../../components/ui/choices.tsx'
import { Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { ApiKeyCard } from '../api-keys/api-key-card.tsx'
import { useLlm } from '../llm/queries.ts'
import type { Language, Task } from './snippets.ts'
import { languages, snippet, tasks } from './snippets.ts'

/** How code calls this project: where, with which key, and programs to begin with. */
export function ApiPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/api' })
  return (
    <>
      <PageHeader
        title="API"
        description="Call this project from your code, or point any OpenAI client to it."
        actions={
          <>
            <a href="/docs" target="_blank" rel="noreferrer" className={buttonStyle()}>
              Reference <ExternalLink aria-hidden />
            </a>
            <a href="/v1/openapi.json" target="_blank" rel="noreferrer" className={buttonStyle()}>
              OpenAPI <ExternalLink aria-hidden />
            </a>
          </>
        }
      />
      <div className="flex flex-col gap-5">
        <AddressCard projectId={projectId} />
        <ApiKeyCard projectId={projectId} />
        <SnippetsCard projectId={projectId} />
      </div>
    </>
  )
}

function AddressCard({ projectId }: { projectId: string }) {
  const llm = useLlm(projectId)
  const url = `${location.origin}/v1`
  return (
    <Card title="Address">
      <dl className="grid gap-x-8 gap-y-3 px-4 py-4 text-[13px] sm:grid-cols-[auto_1fr] sm:px-5">
        <dt className="text-muted">Base URL</dt>
        <dd className="flex flex-wrap items-center gap-3">
          <Mono>{url}</Mono>
          <CopyButton text={url} label="Copy URL" />
        </dd>
        <dt className="text-muted">Authorization</dt>
        <dd>
          <Mono>Bearer sk-stw_…</Mono>
        </dd>
        <dt className="text-muted">Model</dt>
        <dd>
          <Mono>{llm.data?.model ?? '…'}</Mono>
          <span className="ml-2 text-muted">what runs use; the OpenAI-compatible endpoint takes any other as well</span>
        </dd>
      </dl>
    </Card>
  )
}

function SnippetsCard({ projectId }: { projectId: string }) {
  const llm = useLlm(projectId)
  const [task, setTask] = useState<Task>('run')
  const [language, setLanguage] = useState<Language>('curl')
  const text = snippet(task, language, { origin: location.origin, model: llm.data?.model ?? 'default' })
  return (
    <Card
      title="Code"
      description={
        <>
          With this project&apos;s own values. The key is read from <Mono>STEWRD_API_KEY</Mono>.
        </>
      }
      actions={<Choices label="Language" choices={languages} value={language} onChange={setLanguage} />}
    >
      <div className="flex flex-col gap-4 px-4 py-4 sm:px-5">
        <Choices label="What to do" choices={tasks} value={task} onChange={setTask} />
        <Code text={text} label={`${tasks[task]} in ${languages[language]}`} />
      </div>
    </Card>
  )
}
