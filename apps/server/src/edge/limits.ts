/** What clients may take of this server before a route has looked at a request. Times are milliseconds. */
export type EdgeLimits = {
  /** Connections at once. */
  connections: number
  /** Connections of one address at once. Trusted proxies are not counted. */
  connectionsPerAddress: number
  /** Until the headers of a request have arrived. */
  headersMs: number
  /** While a client sends a body or is sent an answer, at least `stallBytes` must move in each `stallMs`. */
  stallMs: number
  stallBytes: number
  /** Calls in one batch of tRPC. */
  batch: number
}

export const edgeLimits: EdgeLimits = {
  connections: 8_192,
  connectionsPerAddress: 2_048,
  headersMs: 20_000,
  stallMs: 30_000,
  stallBytes: 16 * 1024,
  batch: 32,
}

/** Bytes of a body of a route that names no limit of its own. */
export const BODY_LIMIT = 1024 * 1024
