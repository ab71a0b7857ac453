import { systemProblem } from './problem-words.ts'

/** The system refused a file. Carries the code alone: errors of the system hold paths. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly code: string
  constructor(code: string, options?: ErrorOptions) {
    super(systemProblem(code) ?? `The system refused a file (${code}). Check STEWRD_HOME.`, options)
    this.code = code
  }
}
