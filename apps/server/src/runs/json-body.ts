import type { FastifyInstance } from 'fastify'

/** JSON bodies. A client that says `application/json` always says it of an absent body too: that is none, and no broken one. */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.trim() === '') return done(null, undefined)
    // It answers through `done`.
    void parse(request, body, done)
  })
}
