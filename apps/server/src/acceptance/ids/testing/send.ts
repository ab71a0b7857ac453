import type { TestServer } from '../../../testing/server.ts'
import { inputs } from '../../../trpc/testing/inputs.ts'
import { procedures } from './reflect.ts'

/** `text` is the whole answer, without what differs from request to request. */
export type Sent = { status: number; code: string; text: string }
type Body = { error?: { code?: unknown; data?: { refusal?: { code: string } } } }

/** What came back. Of a stream that does not end the first event counts: a refusal is one. */
export async function answerOf(response: Response): Promise<Sent> {
  const text = isStream(response) ? await begin(response) : await response.text()
  const code = isStream(response) ? (/"refusal":\{"code":"([A-Z_]+)"/.exec(text)?.[1] ?? 'ok') : codeOf(response, text)
  return { status: response.status, code, text: text.replaceAll(/"requestId":"[^"]*"/g, '""') }
}

const isStream = ({ headers }: Response) => headers.get('content-type')?.startsWith('text/event-stream') ?? false

/** Up to the first event that says something. */
async function begin(response: Response): Promise<string> {
  let text = ''
  for await (const bytes of response.body!) {
    text += Buffer.from(bytes).toString('utf8')
    if (/serialized-error|\nid: |event: (done|error)/.test(text)) break
  }
  return text
}

function codeOf({ ok, status }: Response, text: string): string {
  if (ok) return 'ok'
  const { error } = JSON.parse(text) as Body
  return error?.data?.refusal?.code ?? (typeof error?.code === 'string' ? error.code : String(status))
}

/** What is there to be refused elsewhere. */
const unfit: Record<string, object> = {
  'runs.list': { cursor: undefined, status: undefined, model: undefined, keyFingerprint: undefined },
}

/** A procedure with the input that a careful caller sends, but for some fields. */
export async function call(
  { url, cookie }: TestServer,
  path: string,
  projectId: string,
  fields: Record<string, unknown>,
): Promise<Sent> {
  const headers = { cookie, 'content-type': 'application/json' }
  const body = JSON.stringify({ ...inputs[path]!(projectId), ...unfit[path], ...fields })
  const to = `${url}/trpc/${path}`
  if (procedures[path]!._def.type === 'mutation') return answerOf(await fetch(to, { method: 'POST', headers, body }))
  return answerOf(await fetch(`${to}?input=${encodeURIComponent(body)}`, { headers }))
}

const bodies: Record<string, (id: string) => object> = {
  'POST /v1/agent/:id/tool-outputs :id': () => ({ tool_outputs: [{ tool_call_id: 'x', output: 'y' }] }),
  'POST /v1/sessions/:id/messages :id': () => ({ message: 'Hi' }),
  'POST /v1/agent files[].file_id': (id) => ({ message: 'Hi', files: [{ file_id: id }] }),
  'POST /v1/sessions/:id/messages files[].file_id': (id) => ({ message: 'Hi', files: [{ file_id: id }] }),
}

/** A route of `/v1` with the id in the place that the row names. `session`: for a path that needs one besides. */
export async function request(
  { url }: TestServer,
  row: string,
  id: string,
  { apiKey, session }: { apiKey: string; session: string },
): Promise<Sent> {
  const [method, path, place] = row.split(' ') as [string, string, string]
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const to = url + path.replace(':id', encodeURIComponent(place === ':id' ? id : session))
  const body = bodies[row]?.(id)
  return answerOf(
    await fetch(to, {
      method,
      headers: body ? headers : { authorization: headers.authorization },
      body: body ? JSON.stringify(body) : null,
    }),
  )
}
