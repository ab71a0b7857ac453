import type { KeyObject } from 'node:crypto'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { Secret } from './secret.ts'

export type DatabaseLogin = {
  password: Secret
  /** What the database stores in its place (RFC 5802): nobody can sign in with it. */
  verifier: string
}

const ITERATIONS = 4096

/** The password of a login of ours, which every node derives from the deployment's key: it is stored nowhere. */
export function databaseLogin(key: KeyObject, name: string): DatabaseLogin {
  const derive = (what: 'password' | 'salt') =>
    createHmac('sha256', key).update(`stewrd/database-login/${what}/v1\0${name}`).digest()
  const password = new Secret(derive('password').toString('base64url'))
  // The same on every node, so that nodes do not undo each other's.
  return { password, verifier: scramVerifier(password, derive('salt').subarray(0, 16)) }
}

/** As Postgres stores a password for SCRAM-SHA-256. A password of ASCII characters alone needs no preparation (SASLprep). */
export function scramVerifier(password: Secret, salt: Buffer): string {
  const salted = pbkdf2Sync(password.reveal(), salt, ITERATIONS, 32, 'sha256')
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(keyed('Client Key')).digest()
  const base64 = (bytes: Buffer) => bytes.toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${base64(salt)}$${base64(stored)}:${base64(keyed('Server Key'))}`
}
