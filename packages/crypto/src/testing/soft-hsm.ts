import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Secret } from '../secret.ts'

/** Where Debian's softhsm2 puts its library. */
const MODULE = '/usr/lib/softhsm/libsofthsm2.so'
export const hasSoftHsm = existsSync(MODULE) && existsSync('/usr/bin/softhsm2-util') && pkcs11IsBuilt()
/** The binding to PKCS#11 is built on demand, as it needs a compiler. */
function pkcs11IsBuilt(): boolean {
  try {
    createRequire(import.meta.url)('pkcs11js')
    return true
  } catch {
    return false
  }
}

/** CI requires the token, and says so with STEWRD_TEST_SOFTHSM=required. */
export const softHsmIsRequired = process.env.STEWRD_TEST_SOFTHSM === 'required'

export type SoftHsm = {
  modulePath: string
  token: string
  pin: Secret
  /** What a process needs in its environment to see this token. */
  variables: { SOFTHSM2_CONF: string }
  remove(): Promise<void>
}

/** A token of its own. A process sees only the first one that it opened: the library reads its settings once. */
export async function createSoftHsm(): Promise<SoftHsm> {
  const folder = await mkdtemp(join(tmpdir(), 'stewrd-hsm-'))
  const conf = join(folder, 'softhsm2.conf')
  await mkdir(join(folder, 'tokens'))
  await writeFile(
    conf,
    `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  const token = 'stewrd'
  const pin = '246810'
  const init = ['--init-token', '--free', '--label', token, '--so-pin', '13579246', '--pin', pin]
  await promisify(execFile)('softhsm2-util', init, { env: { ...process.env, SOFTHSM2_CONF: conf } })
  return {
    modulePath: MODULE,
    token,
    pin: new Secret(pin),
    variables: { SOFTHSM2_CONF: conf },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
