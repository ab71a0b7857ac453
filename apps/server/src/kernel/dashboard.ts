import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentSecurityPolicy } from './security-headers.ts'

export const builtDashboard = resolve(import.meta.dirname, '../../../web/dist')

/** The built dashboard: hashed files are kept for ever, every other path is the page itself. */
export async function dashboardPlugin(app: FastifyInstance, { root }: { root: string }): Promise<void> {
  const page = await pageOf(root)
  if (existsSync(root))
    await app.register(fastifyStatic, {
      root,
      index: false,
      wildcard: false,
      cacheControl: false,
      setHeaders: (reply, path) => void reply.header('cache-control', cachedFor(relative(root, path))),
    })
  app.get('/', (_request, reply) => sendPage(reply, page))
  // Nobody needs the body of what is not there.
  app.addHook('onRequest', async (request, reply) =>
    request.is404 && !['GET', 'HEAD'].includes(request.method) ? notFound(reply) : undefined,
  )
  app.setNotFoundHandler((request, reply) => (wantsPage(request) ? sendPage(reply, page) : notFound(reply)))
}

// A name in `assets` holds a hash of its content.
const cachedFor = (file: string) =>
  file.startsWith('assets') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600'

type Page = { html: string; csp: string }

async function pageOf(root: string): Promise<Page> {
  const file = join(root, 'index.html')
  const html = existsSync(file) ? await readFile(file, 'utf8') : unbuilt
  return { html, csp: contentSecurityPolicy(html) }
}

const sendPage = (reply: FastifyReply, { html, csp }: Page) =>
  reply
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': csp,
    })
    .send(html)

const notFound = (reply: FastifyReply) =>
  reply.code(404).send({ error: { code: 'not_found', message: 'There is nothing at this address.' } })

/** Paths of the dashboard are opened by people; a missing file or an unknown call must not be answered with a page. */
const wantsPage = ({ method, url, headers }: FastifyRequest) =>
  (method === 'GET' || method === 'HEAD') &&
  !/^\/(trpc|api|v1|assets|demo|healthz|readyz)(\/|\?|$)/.test(url) &&
  (headers.accept ?? '').includes('text/html')

const unbuilt =
  '<!doctype html><html lang="en"><title>Stewrd</title><p>The dashboard is not built. Start with <code>npx --yes pnpm@12 start</code>, which builds it.</p></html>'
