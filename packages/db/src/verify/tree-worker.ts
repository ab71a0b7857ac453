import { parentPort } from 'node:worker_threads'
import { leafDigestAt } from '@stewrd/crypto/merkle.ts'
import { ComputedTree } from './tree.ts'

/** Hashes of the data of entries, 32 bytes each, up to `end`; and what is to be told once they are in the tree. */
export type Asked = { leaves: ArrayBuffer; end: number; ask: 'root' | 'digests' | undefined }
/** The batch, to be filled again. */
export type Given = { leaves: ArrayBuffer; root?: Uint8Array; digests?: string[] }

const HASH_BYTES = 32
const tree = new ComputedTree()

parentPort!.on('message', ({ leaves, end, ask }: Asked) => {
  const batch = new Uint8Array(leaves)
  for (let at = 0; at < end; at += HASH_BYTES) tree.add(leafDigestAt(batch, at))
  const given: Given = {
    leaves,
    ...(ask === 'root' && { root: tree.root() }),
    ...(ask === 'digests' && { digests: tree.digests() }),
  }
  parentPort!.postMessage(given, [leaves])
})
