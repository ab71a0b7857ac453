import { storable } from '@stewrd/core/kernel/text.ts'

/** Hands text on as it comes, well formed: a provider may end a frame in the middle of a surrogate pair, whose half waits for the other. */
export class WholeCharacters {
  readonly #onText: (text: string) => void
  #half = ''

  constructor(onText: (text: string) => void) {
    this.#onText = onText
  }

  take(piece: string): void {
    const text = this.#half + piece
    this.#half = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? ''
    const whole = text.slice(0, text.length - this.#half.length)
    if (whole) this.#onText(storable(whole))
  }

  end(): void {
    if (this.#half) this.#onText(storable(this.#half))
    this.#half = ''
  }
}
