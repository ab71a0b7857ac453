import { join } from 'node:path'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { projects } from '@stewrd/core/projects/projects.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { LogTree } from '@stewrd/db/log-tree/log-tree.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import { by, createWorld } from '@stewrd/db/testkit/world.ts'
import { createLogger } from '../../kernel/log.ts'
import type { CheckpointFiles } from '../checkpoint-files.ts'
import { checkpointFiles } from '../checkpoint-files.ts'
import { Signer } from '../signer.ts'

export const noteKey = noteSigner('stewrd/log/test', Buffer.alloc(32, 1))
const silent = createLogger({ production: true, logLevel: 'silent' })

type SignerOf = {
  own?: string
  anchors?: string
  key?: typeof noteKey
  /** In place of those of the name. */
  ownFiles?: CheckpointFiles
  anchorsFiles?: CheckpointFiles
}

export type SigningWorld = Awaited<ReturnType<typeof signingWorld>>

/** A database with its log, whose sequencer, tree and signer move only when they are told to. */
export async function signingWorld() {
  const world = await createWorld()
  const home = await mkdtemp(join(tmpdir(), 'stewrd-signer-'))
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  const tree = new LogTree({ sql: world.worker, lease: () => sequencer.lease })
  const files = (name: string) => checkpointFiles(join(home, name))
  return {
    ...world,
    home,
    sequencer,
    tree,
    files,
    /** Another one is another process: it remembers nothing but what its files say. */
    signer: ({ own = 'own', anchors = 'anchors', key = noteKey, ownFiles, anchorsFiles }: SignerOf = {}) =>
      new Signer({
        clockTrusted: () => true,
        sql: world.worker,
        signer: key,
        lease: () => sequencer.lease,
        own: ownFiles ?? files(own),
        anchors: anchorsFiles ?? files(anchors),
        log: silent,
      }),
    /** One event for each project, in the log and in the tree. */
    async grow(count: number) {
      for (let i = 0; i < count; i++)
        await world.store.execute(projects, world.project(), { type: 'CreateProject', name: 'x' }, by())
      // On a slow machine the lease runs out meanwhile: the first call finds that out, the second takes the lease again.
      if ((await sequencer.drain()) === 0) await sequencer.drain()
      await tree.drain()
    },
    async close() {
      await sequencer.stop()
      await world.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}
