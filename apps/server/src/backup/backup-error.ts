type BackupCode =
  | 'FILE_EXISTS'
  | 'FILE_UNREADABLE'
  | 'FILE_UNWRITABLE'
  | 'RECIPIENT_UNUSABLE'
  | 'KEY_WRONG'
  | 'BACKUP_DAMAGED'
  | 'BACKUP_NEWER'
  | 'MASTER_KEY_MISSING'
  | 'KEYRING_IN_THE_WAY'
  | 'DATABASE_NOT_EMPTY'
  | 'SENDER_UNKNOWN'
  | 'SIGNATURE_WRONG'
  | 'SENDER_OTHER'
  | 'SENDER_UNCONFIRMED'

/** A backup cannot be written, read or restored as asked. The text is for whoever has to act, and holds no secret. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly code: BackupCode
  constructor(code: BackupCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
