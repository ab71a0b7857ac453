import type { Snippets } from './snippets.ts'

const head = (origin: string) => `const base = '${origin}/v1'
const headers = {
  Authorization: \`Bearer \${process.env.STEWRD_API_KEY}\`,
  'Content-Type': 'application/json',
}
`
const call = `
async function call(path: string, body: object) {
  const response = await fetch(base + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error.message)
  return answer
}
`

export const typescript: Snippets = {
  run: ({ origin }) => `${head(origin)}
const response = await fetch(\`\${base}/agent\`, {
  method: 'POST',
  headers,
  body: JSON.stringify({ message: 'Say hello', stream: false }),
})
const answer = await response.json()
if (!response.ok) throw new Error(answer.error.message)
console.log(answer.message)`,
  stream: ({ origin }) => `${head(origin)}
const response = await fetch(\`\${base}/agent\`, {
  method: 'POST',
  headers,
  body: JSON.stringify({ message: 'Say hello', stream: true }),
})
if (!response.ok) throw new Error((await response.json()).error.message)

let rest = ''
for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
  const frames = (rest + text).split('\\n\\n')
  rest = frames.pop()!
  for (const frame of frames) {
    const event = /^event: (.*)$/m.exec(frame)?.[1]
    const data = JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? '{}')
    if (event === 'token') process.stdout.write(data.text)
    if (event === 'error') throw new Error(data.message)
  }
}`,
  session: ({ origin }) => `${head(origin)}${call}
const session = await call('/sessions', {})
const say = (message: string) =>
  call(\`/sessions/\${session.id}/messages\`, { message, stream: false })

await say('My name is Ada.')
console.log((await say('What is my name?')).message)`,
  tools: ({ origin }) => `${head(origin)}${call}
const weather = {
  name: 'weather',
  description: 'The weather of a city, now.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
}

let answer = await call('/agent', {
  message: 'What is the weather in Rome?',
  tools: [weather],
})
while (answer.status === 'requires_tool_outputs') {
  const tool_outputs = answer.tool_calls.map((tool) => ({
    tool_call_id: tool.id,
    output: \`Sunny, 24 degrees in \${tool.arguments.city}\`,
  }))
  answer = await call(\`/agent/\${answer.id}/tool-outputs\`, { tool_outputs })
}
console.log(answer.message)`,
  files: ({ origin }) => `import { openAsBlob } from 'node:fs'

${head(origin)}${call}
const form = new FormData()
form.append('file', await openAsBlob('report.pdf'), 'report.pdf')
const { Authorization } = headers
const uploaded = await fetch(\`\${base}/files\`, {
  method: 'POST',
  headers: { Authorization },
  body: form,
})
const file = await uploaded.json()
if (!uploaded.ok) throw new Error(file.error.message)

const answer = await call('/agent', {
  message: 'Sum it up.',
  files: [{ file_id: file.id }],
  stream: false,
})
console.log(answer.message)
for (const made of answer.files) console.log(made.name, made.url ?? made.content)`,
  openai: ({ origin, model }) => `import OpenAI from 'openai'

const client = new OpenAI({
  baseURL: '${origin}/v1',
  apiKey: process.env.STEWRD_API_KEY,
})
const completion = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Say hello' }],
})
console.log(completion.choices[0].message.content)`,
}
