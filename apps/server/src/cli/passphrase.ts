import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { OpenWith, SealTo } from '../backup/sealing.ts'
import { UsageError } from './output.ts'

export type SealFlags = { recipient?: string[]; passphraseFile?: string }
export type OpenFlags = { identity?: string; passphraseFile?: string }

const HOW = 'Set STEWRD_BACKUP_PASSPHRASE, or give --passphrase-file'
/** age takes any; one that is shorter than this is guessed. */
const SHORTEST = 12

/** Whom to seal to, asking at the terminal if nothing else says it. */
export async function sealTo({ recipient, passphraseFile }: SealFlags): Promise<SealTo> {
  if (recipient && passphraseFile) throw new UsageError('Give recipients or a passphrase, not both.')
  if (recipient) return { recipients: recipient }
  const passphrase = await passphraseOf(passphraseFile, `${HOW} or --recipient.`, async () => {
    const first = await ask('Passphrase of the backup: ')
    if (!(await ask('The same again: ')).equals(first))
      throw new UsageError('They are not the same. Nothing was written.')
    return first
  })
  if (passphrase.reveal().length < SHORTEST)
    throw new UsageError(`The passphrase is shorter than ${SHORTEST} characters. Nothing was written.`)
  return { passphrase }
}

export async function openWith({ identity, passphraseFile }: OpenFlags): Promise<OpenWith> {
  if (identity && passphraseFile) throw new UsageError('Give an identity or a passphrase, not both.')
  if (identity) return { identities: new Secret(await contents(identity)) }
  return {
    passphrase: await passphraseOf(passphraseFile, `${HOW} or --identity.`, () => ask('Passphrase of the backup: ')),
  }
}

async function passphraseOf(file: string | undefined, how: string, prompt: () => Promise<Secret>): Promise<Secret> {
  const given = file === undefined ? process.env.STEWRD_BACKUP_PASSPHRASE : (await contents(file)).replace(/\r?\n$/, '')
  if (given) return new Secret(given)
  if (file !== undefined) throw new UsageError(`${file} is empty.`)
  if (!process.stdin.isTTY) throw new UsageError(how)
  return prompt()
}

async function contents(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new UsageError(`${path} cannot be read (${code}).`)
  }
}

/** At the terminal, and shown nowhere. */
async function ask(question: string): Promise<Secret> {
  process.stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return new Secret(await terminal.question(''))
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
