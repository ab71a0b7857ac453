import type { Secret } from '@stewrd/crypto/secret.ts'
import { S3mini } from 's3mini'
import type { FileStorage } from './storage.ts'
import { StorageError } from './storage.ts'

/** `endpoint` is the URL of the bucket, such as `https://s3.eu-central-1.amazonaws.com/stewrd`. */
export type S3Settings = { endpoint: string; region: string; accessKeyId: string; secretAccessKey: Secret }

const TIMEOUT_MS = 30_000

/** Objects of one bucket. `fetch` is the platform's own way out. */
export function s3Storage(
  { endpoint, region, accessKeyId, secretAccessKey }: S3Settings,
  fetch: typeof globalThis.fetch,
): FileStorage {
  const s3 = new S3mini({
    endpoint,
    region,
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    requestAbortTimeout: TIMEOUT_MS,
    fetch,
  })
  const keysIn = async (folder: string) => ((await s3.listObjects('/', `${folder}/`)) ?? []).map(({ Key }) => Key)
  return {
    async write(key, content) {
      // One request, so that the object is there whole or not at all.
      const whole = Buffer.concat(await Array.fromAsync(content))
      await mapped(() => s3.putObject(key, whole, 'application/octet-stream'))
    },
    read: (key, { from, to }) =>
      mapped(async () => {
        const answer = await s3.getObjectRaw(key, false, from, to)
        if (answer.status === 404) throw new StorageError('STORAGE_MISSING')
        return Buffer.from(await answer.arrayBuffer())
      }),
    remove: (key) =>
      mapped(async () => {
        await s3.deleteObject(key)
      }),
    removeAll: (folder) =>
      mapped(async () => {
        const keys = await keysIn(folder)
        if (keys.length > 0) await s3.deleteObjects(keys)
      }),
    count: (folder) => mapped(async () => (await keysIn(folder)).length),
  }
}

/** Errors of the client hold URLs and what was answered. */
async function mapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StorageError) throw error
    if (error instanceof Error && 'status' in error && error.status === 404) throw new StorageError('STORAGE_MISSING')
    throw new StorageError('STORAGE_UNAVAILABLE')
  }
}
