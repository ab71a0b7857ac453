import { openAwsKms } from '@stewrd/crypto/keyring-awskms.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import type { Keyring, KeyringMember } from '@stewrd/crypto/keyring-of.ts'
import { keyringOf } from '@stewrd/crypto/keyring-of.ts'
import { openPkcs11 } from '@stewrd/crypto/keyring-pkcs11.ts'
import { machineTime } from '@stewrd/db/clock.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Env } from '../env.ts'
import { awsCredentialsOf, pinOf } from './credentials.ts'
import type { KeyringSpec } from './keyring-variable.ts'

type Deps = { env: Pick<Env, 'keyring' | 'keyringCredentials'>; egress: Egress; now?: () => number }

/**
 * Every provider of STEWRD_KEYRING. With `create`, a file or a token key that is not there yet is made; also when others stand behind the first
 * one: then it is where one moves to.
 */
export async function openKeyring(deps: Deps, { create }: { create: boolean }): Promise<Keyring> {
  const [first, ...others] = deps.env.keyring
  const primary = await openMember(deps, first, create || others.length > 0)
  return keyringOf([primary, ...(await Promise.all(others.map((spec) => openMember(deps, spec, false))))])
}

export async function openMember(
  { env, egress, now = machineTime }: Deps,
  spec: KeyringSpec,
  create: boolean,
): Promise<KeyringMember> {
  const secrets = env.keyringCredentials
  switch (spec.kind) {
    case 'file':
      return { kind: 'file', place: spec.path, provider: await openKeyringFile(spec.path, { create }) }
    case 'pkcs11': {
      const pin = () => pinOf(secrets, spec.uri.pinSource)
      return {
        kind: 'pkcs11',
        place: `token ${spec.uri.token}`,
        provider: await openPkcs11({ ...spec.uri, pin }, { create }),
      }
    }
    case 'awskms': {
      const { arn, endpoint } = spec
      const credentials = () => awsCredentialsOf(secrets)
      const provider = openAwsKms({
        arn,
        credentials,
        fetch: egress.fetch,
        now,
        ...(endpoint && { endpoint }),
      })
      return { kind: 'awskms', place: 'AWS KMS', provider }
    }
    default:
      return spec satisfies never
  }
}
