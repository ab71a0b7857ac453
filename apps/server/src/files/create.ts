import { join } from 'node:path'
import type { Sql } from '@stewrd/db/connect.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Env } from '../env.ts'
import { directoryStorage } from './directory-storage.ts'
import { s3Storage } from './s3-storage.ts'
import { FileQuota } from './quota.ts'
import { FileService } from './service.ts'
import type { FileUrls } from './signed-url.ts'
import { fileUrls } from './signed-url.ts'
import type { FileStorage } from './storage.ts'

/** `base` is what the path of a URL follows where no request tells under which address this server is known. */
export type Files = { service: FileService; quota: FileQuota; urls: FileUrls; storage: FileStorage; base: string }
type Parts = { sql: Sql; accountId: string; store: EventStore; dataKeys: DataKeys; egress: Egress; now(): number }

export async function createFiles(env: Env, { sql, accountId, store, dataKeys, egress, now }: Parts): Promise<Files> {
  const storage = env.s3 ? s3Storage(env.s3, egress.fetch) : directoryStorage(join(env.home, 'files'))
  const quota = new FileQuota({ sql, accountId, server: env.storage, store })
  return {
    storage,
    quota,
    service: new FileService({ accountId, now, storage, maxBytes: env.fileLimit, quota, store, dataKeys }),
    urls: fileUrls(await dataKeys.deploymentKey('file-url'), now),
    base: env.publicUrl ?? `http://${env.host}:${env.port}`,
  }
}
