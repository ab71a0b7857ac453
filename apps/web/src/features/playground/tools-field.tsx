import { z } from 'zod'
import { Button } from '../../components/ui/button.tsx'
import { Field, Textarea } from '../../components/ui/field.tsx'
import type { Tool } from './client.ts'

/** As the API takes them; it has the last word. */
const Tools = z
  .array(
    z.object({
      name: z.string().regex(/^[A-Za-z0-9_]{1,64}$/, 'must be 1 to 64 letters, digits or underscores'),
      description: z.string().min(1, 'must not be empty').max(1024, 'must be at most 1,024 characters'),
      parameters: z
        .record(z.string(), z.unknown())
        .refine(({ type }) => type === 'object', 'must be a JSON Schema with "type": "object"'),
    }),
  )
  .max(20, 'must be at most 20 tools')

const example = JSON.stringify(
  [
    {
      name: 'weather',
      description: 'The weather of a city, now.',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  ],
  null,
  2,
)

/** The tools in a text, or what is wrong with it. An empty text has none. */
export function parseTools(text: string): { tools: readonly Tool[]; problem?: string } {
  if (text.trim() === '') return { tools: [] }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { tools: [], problem: 'This is not valid JSON.' }
  }
  const parsed = Tools.safeParse(value)
  if (parsed.success) return { tools: parsed.data }
  const { path, message, code } = parsed.error.issues[0]!
  const where = path.length > 0 ? `“${path.join('.')}” ` : 'It '
  return { tools: [], problem: `${where}${code === 'invalid_type' ? 'is missing, or of the wrong type' : message}.` }
}

/** Tools of the client's own: what the model calls, whoever plays here answers. */
export function ToolsField({
  text,
  problem,
  onChange,
}: {
  text: string
  problem: string | undefined
  onChange: (text: string) => void
}) {
  return (
    <div className="flex flex-col gap-2">
      <Field
        label="Your own tools"
        hint="A JSON list of tools. With them an answer comes whole, and the project’s other capabilities rest."
        error={problem}
      >
        {(ids) => (
          <Textarea
            {...ids}
            rows={text ? 10 : 3}
            spellCheck={false}
            className="font-mono text-[12.5px]"
            value={text}
            placeholder="[]"
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
      <div>
        <Button size="sm" look="ghost" onClick={() => onChange(text ? '' : example)}>
          {text ? 'Clear the tools' : 'Use an example'}
        </Button>
      </div>
    </div>
  )
}
