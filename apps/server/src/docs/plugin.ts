import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import type { FastifyInstance } from 'fastify'
import { contentSecurityPolicy } from '../kernel/security-headers.ts'
import { errorHelp } from './error-help.ts'

/** `/docs/errors`: where the `docs` URL of every error leads, as a page that needs nothing else. */
export async function docsPlugin(app: FastifyInstance): Promise<void> {
  const page = errorsPage()
  app.get('/docs/errors', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', contentSecurityPolicy())
      .header('cache-control', 'public, max-age=300')
      .send(page),
  )
}

const errorsPage = () => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors · Stewrd</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Errors of the API</h1>
<p>Every error is <code>{"error": {"code", "message", "docs"}}</code>. In a stream it is the last event, <code>error</code>, with the same code and message.</p>
${Object.entries(contractErrors)
  .map(([code, status]) => section(code as ContractCode, status))
  .join('\n')}
</main>
</body>
</html>
`

const section = (code: ContractCode, status: number) => `<section id="${code}">
<h2><code>${code}</code> <span>${status}</span></h2>
<p>${errorHelp[code].when}</p>
<p><b>What to do:</b> ${errorHelp[code].cure}</p>
</section>`

const style = `
:root { color-scheme: light dark; --line: #d8d6d0; --muted: #5c5a55; --target: #e5f4f1 }
@media (prefers-color-scheme: dark) { :root { --line: #34343a; --muted: #a6a6ad; --target: #10302c } }
body { font: 15px/1.6 system-ui, sans-serif; margin: 0; padding: 2rem 1.25rem 60vh }
main { max-width: 44rem; margin: 0 auto }
h1 { font-size: 1.5rem }
h2 { font-size: 1rem; margin: 0 }
h2 span { color: var(--muted); font-weight: 400; margin-left: .5rem }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
p { margin: .35rem 0 }
section { border-top: 1px solid var(--line); padding: 1rem .75rem }
section:target { background: var(--target) }
`
