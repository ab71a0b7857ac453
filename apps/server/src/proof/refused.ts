/** Why a bundle proves nothing. Its message holds no control characters, whatever stands in the file. */
export class BundleRefused extends Error {
  override readonly name = 'BundleRefused'
  readonly code: BundleProblem
  /** From 1; undefined where it is about the file as a whole. */
  readonly line: number | undefined
  readonly event: EventName | undefined
  constructor(code: BundleProblem, problem: string, at: { line?: number; event?: EventName } = {}) {
    const event = at.event && `event ${at.event.seq} of ${at.event.stream} (${at.event.type}, place ${at.event.index})`
    const where = [at.line === undefined ? [] : `line ${at.line}`, event ?? []].flat().join(', ')
    super(printable(where ? `${where}: ${problem}` : problem))
    this.code = code
    this.line = at.line
    this.event = at.event
  }
}

export type BundleProblem =
  | 'NOT_A_BUNDLE'
  | 'MALFORMED'
  | 'TRUNCATED'
  | 'KEY_WRONG'
  | 'CHECKPOINT_WRONG'
  | 'CHECKPOINT_UNKNOWN'
  | 'EVENT_WRONG'
  | 'DISCLOSURE_WRONG'
  | 'RECEIPT_WRONG'
  | 'SEAL_WRONG'
export type EventName = { stream: string; seq: number; type: string; index: number }

/** Text of a file from anywhere, safe to print: a terminal obeys control characters. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`)
