export type Answer = {
  status: number
  text: string
  body: { id: string; message: string; meta: Meta; error: { code: string; message: string } }
}
type Meta = { model: string; config_revision: number; key_fingerprint: string | null; key_source: string }

/** One run over `/v1/agent`. Every answer's bytes, headers included, are added to `heard`. */
export async function runAgent(url: string, apiKey: string, heard: string[] = [], body: object = {}): Promise<Answer> {
  const response = await fetch(`${url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Say hello', stream: false, ...body }),
  })
  const text = await response.text()
  heard.push(text, JSON.stringify([...response.headers]))
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, text, body: (isJson ? JSON.parse(text) : {}) as Answer['body'] }
}
