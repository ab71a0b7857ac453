import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { contentSecurityPolicy } from '../kernel/security-headers.ts'
import { errorHelp } from './error-help.ts'
import { htmlPage } from './page.ts'
import { referencePage } from './reference.ts'

const fonts = {
  inter: import.meta.resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
  'jetbrains-mono': import.meta.resolve(
    '@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2',
  ),
}

/** `/docs`, the reference of `/v1`, and `/docs/errors`, where the `docs` URL of every error leads: pages that need nothing else. */
export async function docsPlugin(
  app: FastifyInstance,
  { publicUrl }: { publicUrl?: string | undefined },
): Promise<void> {
  const errors = errorsPage()
  for (const [name, file] of Object.entries(fonts)) {
    const font = await readFile(fileURLToPath(file))
    app.get(`/docs/fonts/${name}.woff2`, (_request, reply) =>
      reply.type('font/woff2').header('cache-control', 'public, max-age=31536000').send(font),
    )
  }
  // Without a public URL the page names the host of the request, so nobody else may get it.
  app.get('/docs', (request, reply) =>
    publicUrl === undefined
      ? sent(reply, referencePage(`${request.protocol}://${request.host}`), 'no-store')
      : sent(reply, referencePage(publicUrl)),
  )
  app.get('/docs/errors', (_request, reply) => sent(reply, errors))
}

const sent = (reply: FastifyReply, page: string, caching = 'public, max-age=300') =>
  reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy())
    .header('cache-control', caching)
    .send(page)

const errorsPage = () =>
  htmlPage({
    title: 'Errors',
    main: `<h1>Errors of the API</h1>
<p>Every error is <code>{"error": {"code", "message", "docs"}}</code>. In a stream it is the last event, <code>error</code>, with the same code and message. <a href="/docs">API reference</a></p>
${Object.entries(contractErrors)
  .map(([code, status]) => section(code as ContractCode, status))
  .join('\n')}`,
  })

const section = (code: ContractCode, status: number) => `<section id="${code}">
<h2><code>${code}</code> <span class="muted">${status}</span></h2>
<p>${errorHelp[code].when}</p>
<p><b>What to do:</b> ${errorHelp[code].cure}</p>
</section>`
