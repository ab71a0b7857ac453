import { capabilityCredits, contractErrors } from '@stewrd/core/runs/wire.ts'
import type { Operation } from '../openapi/operations.ts'
import { operations } from '../openapi/operations.ts'
import { jsonSchema } from '../openapi/json-schema.ts'
import { errorHelp } from './error-help.ts'
import { escaped, htmlPage, prose } from './page.ts'
import type { JsonSchema, SchemaRow } from './schema-rows.ts'
import { schemaRows } from './schema-rows.ts'

/** The reference of `/v1` as one page, made from what parses its requests. `base` is the address of this server. */
export const referencePage = (base: string): string =>
  htmlPage({
    title: 'API reference',
    aside: contents(),
    main: `${introduction(base)}${operations.map(section(base)).join('\n')}`,
  })

const idOf = ({ method, path }: Operation) => `${method}${path}`.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '')

const contents = () => `<b>API reference</b>
<ul>${about.map(([id, title]) => `<li><a href="#${id}">${title}</a></li>`).join('')}</ul>
<b>Endpoints</b>
<ul>${operations
  .map(
    (one) =>
      `<li><a href="#${idOf(one)}"><span class="${one.method}">${one.method.toUpperCase()}</span> ${escaped(one.path)}</a></li>`,
  )
  .join('')}</ul>
<ul><li><a href="/docs/errors">Errors</a></li><li><a href="/v1/openapi.json">OpenAPI 3.1</a></li></ul>`

const about = [
  ['authorization', 'Authorization'],
  ['streams', 'Streams'],
  ['tools', 'Tools of your own'],
  ['files', 'Files'],
  ['credits', 'Capabilities and credits'],
  ['limits', 'Limits'],
] as const

const introduction = (base: string) => `<h1>API reference</h1>
<p>Runs agents on a project’s own provider key. The address of this server is <code>${escaped(base)}/v1</code>.</p>
<h2 id="authorization">Authorization</h2>
<p>Send the project’s API key as a bearer token. Every answer carries <code>x-request-id</code>; every error is <code>{"error": {"code", "message", "docs"}}</code>, explained under <a href="/docs/errors">Errors</a>.</p>
<pre tabindex="0">curl ${escaped(base)}/v1/agent \\
  -H "Authorization: Bearer $STEWRD_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"message": "Say hello", "stream": false}'</pre>
<h2 id="streams">Streams</h2>
<p>With <code>"stream": true</code> the answer is a stream of server-sent events. It is never silent for more than 15 seconds, and ends with exactly one <code>done</code> or <code>error</code>. Each frame has an <code>id</code>: after a lost connection, <code>GET /v1/agent/{id}/stream</code> with <code>Last-Event-ID</code> goes on behind it, on any server.</p>
${table(
  ['Event', 'Data'],
  [
    ['`token`', '`{text, content}`, both with the same piece of the answer'],
    ['`tool_start`', '`{tool, message}`: what is being done'],
    ['`tool_end`', '`{tool}`'],
    ['`restart`', '`{step}`: another server goes on with the run, and the text of this step comes anew'],
    ['`done`', 'the whole answer, its counters also at top level'],
    ['`error`', '`{code, message}`'],
  ],
)}
<h2 id="tools">Tools of your own</h2>
<p>A run with <code>tools</code> is chat only, and is answered as plain JSON. When the model calls one, the answer has the status <code>requires_tool_outputs</code> and the calls, with parsed arguments; send their outputs within five minutes, at most 100 KB each, for at most ten rounds. Every answer of a run has the same id.</p>
<h2 id="files">Files</h2>
<p>A text goes with a message as <code>{"name", "content"}</code>, anything else as <code>{"name", "content_base64"}</code> or, uploaded before, as <code>{"file_id"}</code>. What a run makes is in <code>files</code> of its answer: texts with their content, others with a URL that is good for 24 hours and needs no key.</p>
<h2 id="credits">Capabilities and credits</h2>
<p>A run has the capabilities that it asks for, or all that are switched on for the project. It costs their sum, taken before it begins and given back if it fails on the server’s or provider’s side. Whether credits are counted is the operator’s choice.</p>
${table(
  ['Capability', 'Credits'],
  Object.entries(capabilityCredits).map(([name, credits]) => [`\`${name}\``, String(credits)]),
)}
<h2 id="limits">Limits</h2>
<p>A project may begin 60 runs a minute unless it, or the server, is set otherwise: <code>x-ratelimit-limit</code>, <code>-remaining</code> and <code>-reset</code> tell how it stands, <code>Retry-After</code> when to try again. A synchronous call is answered within 115 seconds, a run ends within ten minutes. A body has at most 10 MB, a session expires after 30 minutes without a message.</p>`

const section = (base: string) => (operation: Operation) => {
  const { method, path, summary, description, headers = {}, body, answer, errors, example } = operation
  return `<section id="${idOf(operation)}">
<h2>${prose(summary)}</h2>
<p class="call"><span class="${method}">${method.toUpperCase()}</span> ${escaped(path)}</p>
${description ? `<p>${prose(description)}</p>` : ''}
${example ? `<pre tabindex="0">${escaped(call(base, operation, example))}</pre>` : ''}
${body ? `<h3>Body</h3>${fields(schemaRows(jsonSchema(body, 'input') as JsonSchema), true)}` : ''}
${
  Object.keys(headers).length > 0
    ? `<h3>Headers</h3>${table(
        ['Header', 'Meaning'],
        Object.entries(headers).map(([name, says]) => [`\`${name}\``, says]),
      )}`
    : ''
}
${answer ? `<details><summary>Answer</summary>${fields(schemaRows(jsonSchema(answer, 'output') as JsonSchema), false)}</details>` : ''}
${
  errors.length > 0
    ? `<details><summary>Errors</summary>${table(
        ['Code', 'Status', 'When'],
        errors.map((code) => [`[${code}]`, String(contractErrors[code]), errorHelp[code].when]),
      )}</details>`
    : ''
}
</section>`
}

const call = (
  base: string,
  { method, path }: Operation,
  example: object,
) => `curl ${method === 'post' ? '' : `-X ${method.toUpperCase()} `}${base}${path} \\
  -H "Authorization: Bearer $STEWRD_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify(example)}'`

const fields = (rows: readonly SchemaRow[], isRequest: boolean) =>
  table(
    ['Field', 'Type', ''],
    rows.map(({ name, type, required, rules }) => [
      `\`${name}\``,
      type,
      [...(required === isRequest ? [isRequest ? 'required' : ''] : isRequest ? [] : ['may be absent']), ...rules]
        .filter(Boolean)
        .join('; '),
    ]),
  )

/** Cells as prose. `[code]` leads to what is said of that error. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => {
    const [, code] = /^\[(\w+)\]$/.exec(text) ?? []
    return code ? `<a href="/docs/errors#${code}"><code>${code}</code></a>` : prose(text)
  }
  const header = head.map((name) => `<th scope="col">${name || '<span class="muted">Rule</span>'}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map((text) => `<td>${cell(text)}</td>`).join('')}</tr>`).join('')
  return `<div class="scroll" tabindex="0"><table><thead><tr>${header}</tr></thead><tbody>${body}</tbody></table></div>`
}
