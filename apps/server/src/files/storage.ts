/** Where sealed files lie: a directory, or S3. `key` is a path of UUIDs. What it throws is a `StorageError`. */
export type FileStorage = {
  /** Whole or not at all. What was there under the key stays. */
  write(key: string, content: AsyncIterable<Uint8Array>): Promise<void>
  /** Bytes `from` to `to`, without the last; fewer when the file ends before. */
  read(key: string, range: { from: number; to: number }): Promise<Buffer>
  /** Nothing when it is not there. */
  remove(key: string): Promise<void>
  /** Removes everything whose key begins with `folder/`. */
  removeAll(folder: string): Promise<void>
  /** How many keys begin with `folder/`. */
  count(folder: string): Promise<number>
}

/** Holds no URL, no key and nothing that the storage answered. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: 'STORAGE_MISSING' | 'STORAGE_FULL' | 'STORAGE_BROKEN' | 'STORAGE_UNAVAILABLE'
  constructor(code: StorageError['code']) {
    super(says[code])
    this.code = code
  }
}

const says = {
  STORAGE_MISSING: 'The content of the file is not in the storage any more.',
  STORAGE_FULL: 'The file storage is full. Free some space, then try again.',
  STORAGE_BROKEN:
    'The file storage cannot be written or read. Whoever runs this server finds out why with `stewrd doctor`.',
  STORAGE_UNAVAILABLE: 'The file storage does not answer. Try again in a moment.',
}
