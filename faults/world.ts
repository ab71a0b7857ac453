import { copyFile, mkdtemp, mkdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientOf, signIn } from '@stewrd/server/testing/server.ts'
import type { Database } from './database.ts'
import { startDatabase } from './database.ts'
import type { Receiver } from './doubles.ts'
import { startProvider, startReceiver } from './doubles.ts'
import type { Node } from './node.ts'
import { makeNode, stewrd } from './node.ts'

/** Two servers on one database behind a proxy, a project with a key and a webhook, and credits enough. */
export type World = {
  nodes: readonly [Node, Node]
  database: Database
  receiver: Receiver
  projectId: string
  apiKey: string
  /** What the dashboard of a node calls, signed in. */
  clients: readonly ReturnType<typeof clientOf>[]
  cookie: string
  /** Runs that were started to see whether a server works. */
  probes: Set<string>
  /** A command beside the servers; its standard output. Throws when it fails. */
  run(...args: string[]): Promise<string>
  close(): Promise<void>
}

const KEY = 'sk-faults-provider-key'
const owner = { email: 'owner@example.com', password: 'a password of the fault battery' }

/** Credits that the account was given besides the free ones. */
export const GRANTED = 10_000_000

export async function makeWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), 'stewrd-faults-'))
  const homes = ['a', 'b', 'postgres'].map((name) => join(root, name))
  for (const home of homes) await mkdir(home)
  const [first, second, postgres] = homes as [string, string, string]
  const database = await startDatabase(postgres)
  const [provider, receiver] = await Promise.all([startProvider(KEY), startReceiver()])
  const variables = {
    DATABASE_URL: database.url,
    STEWRD_EGRESS_ALLOW: `${provider.host},${receiver.host}`,
    STEWRD_RATE_LIMIT_PER_MINUTE: '0',
    STEWRD_METERING: 'on',
  }
  const command = async (input: string, ...args: string[]) => {
    const { code, stdout, stderr } = await stewrd({ home: first, variables, input }, ...args)
    if (code !== 0) throw new Error(`stewrd ${args.slice(0, 3).join(' ')} ended with ${code}: ${stderr || stdout}`)
    return stdout
  }
  await command(owner.password, 'owner', 'create', '--email', owner.email)
  const made = JSON.parse(await command('', '--json', 'project', 'create', 'faults')) as Made
  const base = `http://${provider.host}/v1`
  const set = ['llm', 'set', made.project_id, '--provider', 'custom', '--base-url', base, '--model', 'm0']
  await command(KEY, ...set)
  await command('', 'credits', 'grant', String(GRANTED))
  await copyFile(join(first, 'keyring.json'), join(second, 'keyring.json'))
  // Both servers store files in one place, as they do with a bucket.
  await mkdir(join(first, 'files'), { recursive: true })
  await symlink(join(first, 'files'), join(second, 'files'))
  const nodes = [await makeNode(first, variables), await makeNode(second, variables)] as const
  await Promise.all(nodes.map((node) => node.start()))
  const cookie = await signIn(nodes[0].url, owner)
  const clients = nodes.map(({ url }) => clientOf(url, cookie))
  await clients[0]!.webhooks.set.mutate({ projectId: made.project_id, url: `http://${receiver.host}/hook` })
  return {
    nodes,
    database,
    receiver,
    projectId: made.project_id,
    apiKey: made.api_key,
    clients,
    cookie,
    probes: new Set(),
    run: (...args) => command('', ...args),
    async close() {
      await Promise.all(nodes.filter((node) => node.running()).map((node) => node.signal('SIGKILL')))
      await database.close()
      await Promise.all([provider.close(), receiver.close()])
      await rm(root, { recursive: true, force: true })
    },
  }
}
type Made = { project_id: string; api_key: string }
