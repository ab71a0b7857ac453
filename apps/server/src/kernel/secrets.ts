import type { KeyObject } from 'node:crypto'
import { randomUUID } from 'node:crypto'
import { newApiKey } from '@stewrd/crypto/api-key.ts'
import { apiKeyHash, fingerprint, idempotencyMac } from '@stewrd/crypto/mac.ts'
import { openSecret, sealSecret } from '@stewrd/crypto/sealed-secret.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { DataKey } from '@stewrd/crypto/data-key.ts'
import type { SealedKey } from '@stewrd/core/llm/events.ts'

/** What is done with keys that must not be seen: provider keys are sealed for one host, API keys only ever known by their hash. */
export type Secrets = {
  fingerprint(key: Secret): string
  /** Under a data key of its own, so that it can be destroyed alone. */
  sealKey(projectId: string, baseUrl: string, key: Secret): Promise<SealedKey>
  /** Throws when it was sealed for another project or host. */
  openKey(projectId: string, baseUrl: string, key: SealedKey): Promise<Secret>
  /** Destroys what is sealed under this data key. False while that must wait; then try again in some minutes. */
  destroyKey(dekId: string): Promise<boolean>
  /** `apiKey` is given to its owner once; `hash` is what is stored. */
  newApiKey(): { keyId: string; apiKey: Secret; hash: string }
  apiKeyHash(apiKey: Secret): string
  /** 64 hex digits. */
  requestDigest(request: string): string
  /** The id of the run that a client's idempotency key stands for (a UUIDv8); it tells nothing of the key. */
  idempotentRunId(projectId: string, key: string, generation: number): string
}

type DataKeySource = {
  fresh(accountId: string, scope: string): Promise<DataKey>
  destroy(accountId: string, id: string): Promise<boolean>
  byId(accountId: string, scope: string, id: string): Promise<DataKey>
  deploymentKey(label: string): Promise<KeyObject>
}

export async function createSecrets(accountId: string, dataKeys: DataKeySource): Promise<Secrets> {
  const [fingerprintKey, apiKeyKey, idempotencyKey] = await Promise.all([
    dataKeys.deploymentKey('fingerprint'),
    dataKeys.deploymentKey('api-key'),
    dataKeys.deploymentKey('idempotency'),
  ])
  const hashOf = (apiKey: Secret) => apiKeyHash(apiKeyKey, apiKey).toString('hex')
  return {
    fingerprint: (key) => fingerprint(fingerprintKey, key),
    async sealKey(projectId, baseUrl, key) {
      const dataKey = await dataKeys.fresh(accountId, projectId)
      const sealed = sealSecret(dataKey, { accountId, projectId, baseUrl, dekId: dataKey.id }, key)
      return { sealed: sealed.toString('base64'), dekId: dataKey.id, fingerprint: fingerprint(fingerprintKey, key) }
    },
    async openKey(projectId, baseUrl, { sealed, dekId }) {
      const dataKey = await dataKeys.byId(accountId, projectId, dekId)
      return openSecret(dataKey, { accountId, projectId, baseUrl, dekId }, Buffer.from(sealed, 'base64'))
    },
    destroyKey: (dekId) => dataKeys.destroy(accountId, dekId),
    newApiKey() {
      const apiKey = newApiKey()
      return { keyId: randomUUID(), apiKey, hash: hashOf(apiKey) }
    },
    apiKeyHash: hashOf,
    requestDigest: (request) => idempotencyMac(idempotencyKey, 'request', request).toString('hex'),
    idempotentRunId: (projectId, key, generation) =>
      uuidv8(idempotencyMac(idempotencyKey, 'run', `${projectId}\0${generation}\0${key}`)),
  }
}

function uuidv8(bytes: Buffer): string {
  bytes[6] = 0x80 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex', 0, 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
