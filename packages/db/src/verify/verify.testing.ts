import { randomUUID } from 'node:crypto'
import { llmStream } from '@stewrd/core/llm/llm.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { chainNext } from '@stewrd/crypto/chain.ts'
import { openCheckpoint, signCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { headerBytes } from '@stewrd/crypto/envelope.ts'
import { treeRoot } from '@stewrd/crypto/merkle.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { createEventStore } from '../event-store.ts'
import { storeCheckpoint } from '../log-tree/checkpoints.ts'
import { LogTree } from '../log-tree/log-tree.ts'
import { readNodes } from '../log-tree/nodes.ts'
import type { EventRow } from '../record.ts'
import { eventColumns, headerOf } from '../record.ts'
import { Sequencer } from '../sequencer.ts'
import { placeHeads } from '../store/place-heads.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { OutsideCheckpoint } from './checkpoints.ts'
import type { VerifyOptions } from './verify.ts'
import { verifyHistory } from './verify.ts'

export const tables = [
  'events',
  'heads',
  'log',
  'log_state',
  'tree_nodes',
  'tree_state',
  'checkpoints',
  'outbox',
] as const
export type Table = (typeof tables)[number]
export type History = Awaited<ReturnType<typeof makeHistory>>

/** A database with a signed history, which can be edited and put back. */
type Clocks = { clock?: () => number; clockOfOther?: () => number }

/** `clock`: of the node that writes; `clockOfOther`: of one that writes an event between two checkpoints. */
export async function makeHistory({ clock = Date.now, clockOfOther = clock }: Clocks = {}) {
  const world = await createWorld()
  const { worker: sql, owner, dataKeys } = world
  const store = createEventStore({ sql: world.sql, dataKeys, now: clock })
  const other = createEventStore({ sql: world.sql, dataKeys, now: clockOfOther })
  const sequencer = new Sequencer({ sql, node: 'test' })
  const tree = new LogTree({ sql, lease: () => sequencer.lease })
  const signer = noteSigner('stewrd/log/test', Buffer.alloc(32, 7))
  const outside: OutsideCheckpoint[] = []
  const streams = Array.from({ length: 5 }, () => world.project())

  const rename = () =>
    Promise.all(streams.map((s) => store.execute(projects, s, { type: 'RenameProject', name: randomUUID() }, by())))
  const log = async () => {
    await sequencer.drain()
    await tree.drain()
  }
  /** Signs what is in the tree, and keeps it outside, as the signer does. */
  async function sign() {
    const [{ size } = { size: 0 }] = await sql<{ size: number }[]>`select size from tree_state`
    const root = await treeRoot((at) => readNodes(sql, at), size)
    const note = signCheckpoint(signer, { size, root })
    await storeCheckpoint(sql, { size, note })
    outside.splice(0, 1, { size, root: openCheckpoint(note, signer.verifierKey).root, where: 'a file' })
  }

  await Promise.all(streams.map((s) => store.execute(projects, s, { type: 'CreateProject', name: 'x' }, by())))
  await rename()
  await log()
  await sign()
  if (clockOfOther !== clock) {
    await other.execute(projects, world.project(), { type: 'CreateProject', name: 'x' }, by())
    await log()
    await sign()
  }
  await rename()
  await rename()
  await log()
  await sign()
  // A stream that is guarded before its first event, and an event that has no place in the log yet.
  const guarded = { ...streams[0]!, stream: llmStream(streams[0]!.projectId) }
  await placeHeads(sql, guarded, [guarded.stream])
  await rename()

  await owner`create schema kept`
  for (const table of tables) await owner.unsafe(`create table kept.${table} as table public.${table}`)
  const putBack = () =>
    owner.begin(async (tx) => {
      for (const table of tables) {
        await tx.unsafe(`truncate public.${table}`)
        const always = table === 'outbox' ? 'overriding system value' : ''
        await tx.unsafe(`insert into public.${table} ${always} select * from kept.${table}`)
      }
    })
  /** Appends an event to a stream as somebody would who may do everything, but has no key. */
  async function putIn() {
    const { stream } = streams[0]!
    const [last] = await owner<
      EventRow[]
    >`select ${eventColumns(owner)} from events e where stream = ${stream} and seq = 5`
    const { shredded: _, ...event } = last!
    const made = { ...event, seq: 6, event_id: randomUUID(), command_id: randomUUID() }
    const chain = chainNext(last!.chain, headerBytes(headerOf({ ...made, shredded: false })), made.envelope)
    await owner.begin(async (tx) => {
      await tx`insert into events ${tx({ ...made, chain })}`
      await tx`insert into outbox (account_id, stream, seq) values (${made.account_id}, ${stream}, 6)`
      await tx`
        update heads set seq = 6, chain = ${chain}, from_seq = 5, from_chain = ${last!.chain} where stream = ${stream}`
    })
  }
  const verify = (options?: VerifyOptions) =>
    verifyHistory({ sql, dataKeys, verifierKey: signer.verifierKey, outside }, options)
  const close = async () => {
    await sequencer.stop()
    await world.close()
  }
  return { sql, owner, outside, putIn, putBack, verify, close }
}
