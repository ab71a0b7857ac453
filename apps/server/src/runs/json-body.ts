import type { FastifyInstance } from 'fastify'
import { ContractError } from './contract-error.ts'

/** No body that means something is nested like this; what goes through it by recursion would end in a stack overflow. */
const DEEPEST = 200

/** JSON bodies. A client that says `application/json` always says it of an absent body too: that is none, and no broken one. */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.trim() === '') return done(null, undefined)
    // It answers through `done`.
    void parse(request, body, (error, parsed) => {
      if (error || !deeperThan(DEEPEST, parsed)) return done(error, parsed)
      done(new ContractError('invalid_body', `The body is nested more than ${DEEPEST} levels deep.`))
    })
  })
}

/** Level by level, and not by recursion. */
function deeperThan(levels: number, value: unknown): boolean {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : []))
  }
  return false
}
