import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'

/** What a client of `/v1` is told. The message is ours, and holds no key. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly code: ContractCode
  readonly retryAfter: number | null
  constructor(code: ContractCode, message: string, options: { retryAfter?: number | null; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfter = options.retryAfter ?? null
  }
  get status(): number {
    return contractErrors[this.code]
  }
}

export const errorBody = ({ code, message }: { code: string; message: string }, docsBase: string) => ({
  error: { code, message, docs: `${docsBase}/docs/errors#${code}` },
})
