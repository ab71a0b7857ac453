import { randomBytes, randomUUID } from 'node:crypto'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { clientOf, signIn } from '../testing/server.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'

// A login with few connections, and a database of its own: no other file may use them.
const name = `few_${randomBytes(4).toString('hex')}`
const keys = Array.from({ length: 6 }, () => `sk-limit-${randomUUID()}`)
const owner = { email: 'ada@example.com', password: 'correct horse battery' }
let admin: postgres.Sql
let upstream: Upstream
let home: string
let variables: Record<string, string>

beforeAll(async () => {
  const base = new URL(inject('postgresUrl'))
  admin = postgres(`${base.href}/postgres`, { max: 1, onnotice: () => {} })
  await admin.unsafe(`create role ${name} login createrole password 'few'`)
  await admin.unsafe(`grant stewrd_app, stewrd_worker to ${name}`)
  await admin.unsafe(`create database ${name} owner ${name}`)
  ;[upstream, home] = await Promise.all([startUpstream({ keys }), makeHome()])
  variables = {
    DATABASE_URL: `postgres://${name}:few@${base.host}/${name}`,
    STEWRD_EGRESS_ALLOW: upstream.host,
  }
  const made = await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password, variables })
  if (made.code !== 0) throw new Error(made.stderr)
}, 120_000)
afterAll(async () => {
  await upstream?.close()
  await admin.unsafe(`drop database if exists ${name} with (force)`)
  await admin.unsafe(`drop role if exists ${name}`)
  await admin.end()
  await removeHome(home)
})

test.each([12, 9, 6])(
  'with %i connections pages, rotations, runs and commands wait for those that there are',
  {
    timeout: 180_000,
  },
  async (limit) => {
    await admin.unsafe(`alter role ${name} connection limit ${limit}`)
    const server = await startServer(home, variables)
    try {
      const client = clientOf(server.url, await signIn(server.url, owner))
      const { projectId, apiKey } = await client.projects.create.mutate({ name: `Limit ${limit}` })
      const provider = { projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o' } as const
      await client.llm.set.mutate({ ...provider, key: keys[0]! })
      const pages = Array.from({ length: 20 }, async () => {
        await Promise.all([
          client.me.query(),
          client.projects.list.query(),
          client.history.list.query({ projectId }),
          client.llm.current.query({ projectId }),
          client.system.health.query(),
        ])
        return 'shown'
      })
      const runs = Array.from({ length: 20 }, async () => {
        const response = await fetch(`${server.url}/v1/agent`, {
          method: 'POST',
          headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
          body: JSON.stringify({ message: 'Hello', stream: false }),
        })
        return `${response.status} ${response.ok ? '' : await response.text()}`
      })
      const command = stewrd(home, ['--json', 'project', 'list'], { variables })
      const rotations = async () => {
        const done = []
        for (const key of keys.slice(1)) done.push(await client.llm.rotate.mutate({ projectId, key }))
        return done
      }
      const [shown, ran, listed, rotated] = await Promise.all([
        Promise.allSettled(pages),
        Promise.all(runs),
        command,
        rotations(),
      ])
      expect(shown).toEqual(pages.map(() => ({ status: 'fulfilled', value: 'shown' })))
      expect(ran).toEqual(runs.map(() => '200 '))
      expect([listed.code, listed.stderr]).toEqual([0, ''])
      expect(rotated).toHaveLength(5)
    } finally {
      await server.stop()
    }
  },
)
