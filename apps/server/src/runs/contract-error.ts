import type { Meters } from '@stewrd/core/kernel/execute.ts'
import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'

/** What a client of `/v1` is told. The message is ours, and holds no key. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly code: ContractCode
  readonly retryAfter: number | null
  /** Of the project, where that is what turned the call away. */
  readonly minute: Meters['minute'] | undefined
  constructor(
    code: ContractCode,
    message: string,
    options: { retryAfter?: number | null; minute?: Meters['minute']; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfter = options.retryAfter ?? null
    this.minute = options.minute
  }
  get status(): number {
    return contractErrors[this.code]
  }
}

export const errorBody = ({ code, message }: { code: string; message: string }, docsBase: string) => ({
  error: { code, message, docs: `${docsBase}/docs/errors#${code}` },
})
