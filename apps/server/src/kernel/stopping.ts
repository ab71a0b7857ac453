/**
 * How far this process is in its stop. It begins with a notice: the server says that it is leaving and serves on, until load balancers
 * have noticed. Then it takes on nothing new, and what runs has the drain's time to finish, which `hurry` ends.
 */
export class Stopping {
  readonly #hurried = new AbortController()
  #begun = false

  get begun(): boolean {
    return this.#begun
  }
  get hurried(): AbortSignal {
    return this.#hurried.signal
  }

  begin(): void {
    this.#begun = true
  }
  hurry(): void {
    this.#hurried.abort()
  }
}
