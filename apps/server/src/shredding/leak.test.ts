import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { openSecret } from '@stewrd/crypto/sealed-secret.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openKeyring } from '../keys/open-keyring.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { openBed } from '../runs/v1.testing.ts'

const NAME = 'Name that only one project has'
const MESSAGE = 'a message that only one run was sent'
const KEY = 'sk-SENTINEL-only-one-project-has-this'

let bed: Bed
/** Reads every table, as a superuser's dump does. */
let owner: Sql
beforeAll(async () => {
  bed = await openBed()
  owner = connect(bed.tested.database.url, { max: 1, role: null })
})
afterAll(async () => {
  if (owner) await disconnect(owner)
  await bed?.close()
})

async function dump(): Promise<string> {
  const tables = await owner<{ schema: string; name: string }[]>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`
  const parts: string[] = []
  for (const { schema, name } of tables) {
    const rows = await owner<{ row: string }[]>`select t::text as row from ${owner(schema)}.${owner(name)} t`
    parts.push(...rows.map(({ row }) => row))
  }
  return parts.join('\n')
}

/** A project that has run, renamed and changed its key, so that each kind of data key exists. */
async function usedProject() {
  const { client } = bed.server
  const { projectId, apiKey } = await bed.newProject()
  await client.projects.rename.mutate({ projectId, name: NAME })
  expect((await bed.post({ message: MESSAGE }, { apiKey })).status).toBe(200)
  await bed.setKey(projectId, KEY)
  return { projectId, apiKey }
}

test('a dump from afterwards has no sealed key, name or API key of a shredded project, and no key opens its provider key', async () => {
  const { platform, env } = bed.tested
  const { projectId, apiKey } = await usedProject()
  const keys = await owner<{ purpose: string; wrapped: string }[]>`
    select purpose, encode(wrapped, 'hex') as wrapped from data_keys where scope = ${projectId}`
  expect(new Set(keys.map(({ purpose }) => purpose))).toEqual(new Set(['event', 'secret']))
  const traces = [...keys.map(({ wrapped }) => wrapped), NAME, platform.secrets.apiKeyHash(new Secret(apiKey))]
  const stream = { accountId: platform.accountId, projectId, stream: llmStream(projectId) }
  const { state } = await platform.store.head(llm, stream)
  if (state.status !== 'own') throw new Error('the project has no key')
  const { baseUrl } = state.provider
  expect((await platform.secrets.openKey(projectId, baseUrl, state.key)).reveal()).toBe(KEY)
  const before = await dump()
  for (const trace of traces) expect(before).toContain(trace)

  await bed.server.client.projects.shred.mutate({ projectId, confirm: NAME, now: true })

  const after = await dump()
  expect(after).toContain(projectId)
  for (const trace of [...traces, MESSAGE, KEY]) expect(after.includes(trace)).toBe(false)
  await expect(platform.secrets.openKey(projectId, baseUrl, state.key)).rejects.toMatchObject({
    name: 'DataKeyMissing',
  })
  const left = new DataKeys(platform.sql, await openKeyring({ env, egress: platform.egress }, { create: false }))
  const rows = await owner<
    { id: string; scope: string; account_id: string }[]
  >`select id, scope, account_id from data_keys`
  expect(rows.length).toBeGreaterThan(2)
  const { dekId, sealed } = state.key
  const aad = { accountId: platform.accountId, projectId, baseUrl, dekId }
  for (const { id, scope, account_id } of rows) {
    const key = await left.byId(account_id, scope, id)
    expect(() => openSecret({ ...key, id: dekId, purpose: 'secret' }, aad, Buffer.from(sealed, 'base64'))).toThrow(
      'ENVELOPE_TAMPERED',
    )
  }
})
