import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { waitForLock } from '@stewrd/db/embedded/file-lock.ts'

const UNPACK_MS = 60_000

/**
 * The path of a Chromium that comes as a package and needs nothing of the system. It is unpacked once for each user, into a folder that is
 * theirs alone: one that another user left, or that a crash left half unpacked, would be met by its name otherwise.
 */
export async function packagedChromium(): Promise<string> {
  const folder = join(tmpdir(), `stewrd-chromium-${userInfo().username}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  using lock = await waitForLock(`${folder}.lock`, { timeoutMs: UNPACK_MS })
  if (!lock) throw new Error(`Somebody else is still unpacking the browser in ${folder}.`)
  const whole = join(folder, 'whole')
  if (!existsSync(whole)) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { mode: 0o700 })
  }
  const path = await within(folder, unpack)
  if (!existsSync(whole)) await nameFonts(join(folder, 'fonts'))
  await writeFile(whole, '')
  return path
}

async function unpack(): Promise<string> {
  // Read when the package is loaded: with it, the libraries that a bare system lacks are unpacked too.
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs22.x'
  const { default: packaged } = await import('@sparticuz/chromium')
  return await packaged.executablePath()
}

/** The package's own list of fonts names a folder that is not the one they are unpacked into: without any font, Chromium shows no text, or ends. */
async function nameFonts(fonts: string): Promise<void> {
  const list = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${fonts}</dir>
  <cachedir>${join(fonts, 'cache')}</cachedir>
</fontconfig>
`
  await writeFile(join(fonts, 'fonts.conf'), list)
}

/** The package unpacks into the folder for temporary files, and takes what stands there for its own. */
async function within<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}
