import { useParams } from '@tanstack/react-router'
import { MessageSquarePlus } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Badge, Card, PageHeader } from '../../components/ui/surface.tsx'
import { Switch } from '../../components/ui/switch.tsx'
import { useNewKey } from '../api-keys/new-keys.ts'
import { useLlm } from '../llm/queries.ts'
import { useAtRest } from '../projects/queries.ts'
import { Composer } from './composer.tsx'
import { OutputsForm } from './outputs-form.tsx'
import { parseTools, ToolsField } from './tools-field.tsx'
import { TurnView } from './turn-view.tsx'
import { useConversation } from './use-conversation.ts'

/** Runs the agent as a client would, with the project's API key, and streams the answer. */
export function PlaygroundPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/playground' })
  const llm = useLlm(projectId)
  const newKey = useNewKey(projectId)
  const atRest = useAtRest(projectId)
  // In the memory of this page only: an API key does not belong into a browser's storage.
  const [entered, setEntered] = useState('')
  const [remembers, setRemembers] = useState(true)
  const [toolsText, setToolsText] = useState('')
  const apiKey = entered.trim() || newKey
  const { tools, problem } = parseTools(toolsText)
  const { turns, busy, waiting, send, submit, stop, restart } = useConversation(apiKey)
  return (
    <>
      <PageHeader
        title="Playground"
        description="Runs the agent over the public API, as your code would."
        actions={
          <>
            {llm.data?.status === 'demo' && <Badge tone="warn">Demo model</Badge>}
            {turns.length > 0 && (
              <Button size="sm" disabled={busy} onClick={restart}>
                <MessageSquarePlus aria-hidden /> New conversation
              </Button>
            )}
          </>
        }
      />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <Card title="Conversation">
          <div className="min-h-56 px-4 py-4 sm:px-5" aria-busy={busy}>
            {turns.length === 0 ? (
              <p className="text-[13px] text-muted">Answers appear here word by word.</p>
            ) : (
              <ol className="flex flex-col gap-6">
                {turns.map((turn, i) => (
                  <TurnView key={turn.id} projectId={projectId} turn={turn} busy={busy && i === turns.length - 1} />
                ))}
              </ol>
            )}
            {waiting.length > 0 && (
              <div className="mt-4">
                <OutputsForm
                  key={waiting.map(({ id }) => id).join()}
                  calls={waiting}
                  busy={busy}
                  onSubmit={(outputs) => void submit(outputs)}
                />
              </div>
            )}
          </div>
          <Composer
            why={atRest}
            ready={apiKey !== undefined && problem === undefined && waiting.length === 0}
            busy={busy}
            onSend={(message, files) => void send({ message, files, tools, remembers })}
            onStop={stop}
          />
        </Card>
        <Card title="Settings">
          <div className="flex flex-col gap-5 px-4 py-4 sm:px-5">
            <Field
              label="API key"
              hint={
                newKey && !entered
                  ? 'The key that you just made is used.'
                  : "The project's key. Kept in this page only, until you leave it."
              }
            >
              {(ids) => (
                <Input
                  {...ids}
                  type="password"
                  autoComplete="off"
                  spellCheck={false}
                  value={entered}
                  placeholder={newKey ? '••••••••' : 'sk-stw_…'}
                  onChange={(event) => setEntered(event.target.value)}
                />
              )}
            </Field>
            <div className="flex items-start justify-between gap-3">
              <div>
                <label htmlFor="remembers" className="text-[13px] font-medium">
                  One session
                </label>
                <p id="about-remembers" className="text-[13px] text-muted">
                  Each message sees those before it.
                </p>
              </div>
              <Switch
                id="remembers"
                aria-describedby="about-remembers"
                checked={remembers}
                disabled={turns.length > 0}
                onCheckedChange={setRemembers}
              />
            </div>
            <ToolsField text={toolsText} problem={problem} onChange={setToolsText} />
          </div>
        </Card>
      </div>
    </>
  )
}
