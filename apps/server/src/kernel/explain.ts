import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { HomeInUseError } from '@stewrd/db/embedded/home.ts'
import { BackupError } from '../backup/backup-error.ts'
import { EnvError } from '../env.ts'
import { errorFields } from './log.ts'

/** What a person at a terminal can act on: a code for programs, and a sentence or two. Never the text of others, which can hold keys and rows. */
export function explain(error: unknown): { code: string; message: string } {
  if (error instanceof Refusal || error instanceof BackupError) return { code: error.code, message: error.message }
  if (error instanceof HomeInUseError) return { code: 'HOME_IN_USE', message: error.message }
  if (error instanceof EnvError) return { code: 'CONFIGURATION', message: error.message }
  if (error instanceof StoreUnavailable) return { code: 'DATABASE_UNAVAILABLE', message: error.message }
  const { message, name, code, at } = errorFields(error)
  if (typeof message === 'string') return { code: 'FAILED', message }
  // Our own packages throw plain errors at a start, written for whoever reads them; those of the system have a code.
  if (error instanceof Error && error.name === 'Error' && code === undefined)
    return { code: 'FAILED', message: error.message }
  const [place] = Array.isArray(at) ? at : []
  const names = [name, code, place].filter((part) => part !== undefined).join(', ')
  return { code: 'FAILED', message: `Something unexpected went wrong (${names}). Please report this line.` }
}
