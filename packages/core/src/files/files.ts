import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { StoredFile } from './events.ts'
import { FileEvent } from './events.ts'

/** The content is in the storage before this. */
export type StoreFile = { type: 'StoreFile'; file: StoredFile }
/** The content leaves the storage after this. */
export type RemoveFile = { type: 'RemoveFile' }
export type FileCommand = StoreFile | RemoveFile

export type File = { status: 'none' } | ({ status: 'stored' } & StoredFile) | { status: 'removed' }

export const fileStream = (fileId: string) => `file:${fileId}`
export const fileIdOf = (stream: string) => stream.slice('file:'.length)

export const files: Decider<File, FileCommand, FileEvent> = {
  noun: 'files',
  stateVersion: 1,
  initial: { status: 'none' },
  event: FileEvent,
  decide(command, state) {
    switch (command.type) {
      case 'StoreFile':
        return state.status === 'none' ? [{ type: 'FileStored', version: 1, data: command.file }] : []
      case 'RemoveFile':
        if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'file' })
        return state.status === 'stored' ? [{ type: 'FileRemoved', version: 1, data: { name: state.name } }] : []
      default:
        return command satisfies never
    }
  },
  evolve(_state, event) {
    switch (event.type) {
      case 'FileStored':
        return { status: 'stored', ...event.data }
      case 'FileRemoved':
        return { status: 'removed' }
      default:
        return event satisfies never
    }
  },
}
