import type { Snippets } from './snippets.ts'

const post = (url: string, body: string, flags = '') => `curl ${flags}${url} \\
  -H "Authorization: Bearer $STEWRD_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${body}'`

export const curl: Snippets = {
  run: ({ origin }) => post(`${origin}/v1/agent`, '{"message": "Say hello", "stream": false}'),
  stream: ({ origin }) => post(`${origin}/v1/agent`, '{"message": "Say hello", "stream": true}', '--no-buffer '),
  session: ({ origin }) => `SESSION=$(curl -s -X POST ${origin}/v1/sessions \\
  -H "Authorization: Bearer $STEWRD_API_KEY" | grep -o '"id":"[^"]*"' | cut -d'"' -f4)

${post(`${origin}/v1/sessions/$SESSION/messages`, '{"message": "My name is Ada.", "stream": false}')}

${post(`${origin}/v1/sessions/$SESSION/messages`, '{"message": "What is my name?", "stream": false}')}`,
  tools: ({ origin }) => `# The answer has status "requires_tool_outputs", an id, and tool_calls.
${post(
  `${origin}/v1/agent`,
  `{
    "message": "What is the weather in Rome?",
    "tools": [{
      "name": "weather",
      "description": "The weather of a city, now.",
      "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}
    }]
  }`,
)}

# Within five minutes, with RUN and CALL from that answer:
${post(
  `${origin}/v1/agent/$RUN/tool-outputs`,
  `{"tool_outputs": [{"tool_call_id": "'"$CALL"'", "output": "Sunny, 24 degrees"}]}`,
)}`,
  files: ({ origin }) => `curl ${origin}/v1/files \\
  -H "Authorization: Bearer $STEWRD_API_KEY" \\
  -F "file=@report.pdf"

# With the id of that answer. A short text can be sent as {"name", "content"} instead.
${post(`${origin}/v1/agent`, `{"message": "Sum it up.", "files": [{"file_id": "'"$FILE"'"}]}`)}`,
  openai: ({ origin, model }) =>
    post(
      `${origin}/v1/chat/completions`,
      `{"model": "${model}", "messages": [{"role": "user", "content": "Say hello"}]}`,
    ),
}
