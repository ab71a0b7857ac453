import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { arrayBuffer } from 'node:stream/consumers'
import type { ReadOptions } from '../archive.ts'
import { newArchive, readArchive } from '../archive.ts'
import { sealed, sealerOf } from '../sealing.ts'

type Change = {
  to: string
  header?: object
  /** Of the manifest's SHA-256; null: none. Absent: the one that was there. */
  signature?: ((manifest: Buffer) => string) | null
}
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest()

/** The same backup with another header or signature, sealed anew: as another version, or somebody else, would have written it. */
export async function rewritten(
  by: { key: ReadOptions['key']; recipients: readonly string[] },
  from: string,
  { to, header: change = {}, signature }: Change,
): Promise<void> {
  const archive = newArchive(new Date())
  const filled = (async () => {
    let [header, manifest] = [Buffer.alloc(0), Buffer.alloc(0)]
    for await (const { name, content } of readArchive({ file: from, key: by.key })) {
      const json = () => JSON.parse(Buffer.from(content).toString()) as object
      if (name === 'header.json') {
        header = Buffer.from(JSON.stringify({ ...json(), ...change }))
        await archive.add(name, header)
      } else if (name === 'manifest.json') {
        const digest = { bytes: header.length, sha256: sha256(header).toString('hex') }
        manifest = Buffer.from(JSON.stringify({ ...json(), header: digest }))
        await archive.add(name, manifest)
        if (signature) await archive.add('manifest.sig', Buffer.from(signature(sha256(manifest))))
      } else if (name !== 'manifest.sig' || signature === undefined) await archive.add(name, content)
    }
    archive.end()
  })()
  const bytes = await arrayBuffer(await sealed(sealerOf({ recipients: by.recipients }), archive.bytes))
  await filled
  await writeFile(to, Buffer.from(bytes))
}
