// Every id that an input can hold, and what becomes of it. `ids.test.ts` finds the inputs by reflection, and one that is not here fails.

/** What a project is like whose id is sent. */
export type Condition = 'archived' | 'shredding' | 'shredded' | 'unknown' | 'malformed'
export type Thing = 'run' | 'session' | 'file' | 'delivery'

const nobody = { unknown: 'NOT_FOUND', malformed: 'INVALID_INPUT' }
const [archived, shredding, shredded] = ['PROJECT_ARCHIVED', 'PROJECT_SHREDDING', 'PROJECT_SHREDDED'] as const

const reads = { archived: 'ok', shredding: 'ok', shredded: 'ok', ...nobody }
/** What is read is in sealed contents. */
const opens = { ...reads, shredded }
const changes = { archived, shredding, shredded, ...nobody }
const ofThing = { ...reads, shredded: 'NOT_FOUND' }

/**
 * The code of the answer for the id of a project; `ok` is none. Who is signed in may see and change every project of the account, so that
 * another project is as good as any. Things that an input names besides are that project's own.
 */
export const projectRows: Record<string, Record<Condition, string>> = {
  'projects.get projectId': reads,
  'projects.rename projectId': changes,
  'projects.capabilities projectId': reads,
  'projects.fallback projectId': reads,
  'projects.switchDefaultModel projectId': changes,
  'projects.changeCapabilities projectId': changes,
  'projects.changeLimits projectId': changes,
  'projects.usage projectId': reads,
  // Sent with a revision that is not the project's: what would be carried out is refused for that.
  'projects.archive projectId': { ...changes, archived: 'REVISION_MOVED', shredding: 'REVISION_MOVED' },
  'projects.shredding projectId': reads,
  'projects.shred projectId': { ...reads, archived: 'SHRED_UNCONFIRMED', shredding: 'SHRED_UNCONFIRMED' },
  'llm.current projectId': opens,
  'llm.set projectId': changes,
  'llm.rotate projectId': changes,
  'llm.stage projectId': changes,
  'llm.activate projectId': changes,
  'llm.unstage projectId': changes,
  'llm.rollBack projectId': changes,
  'llm.endOverlap projectId': changes,
  'llm.restore projectId': changes,
  'llm.changeModel projectId': changes,
  'llm.remove projectId': changes,
  'llm.test projectId': changes,
  'llm.models projectId': changes,
  'keyCustody.policy projectId': reads,
  'keyCustody.setPolicy projectId': changes,
  'apiKeys.current projectId': opens,
  'apiKeys.regenerate projectId': changes,
  'apiKeys.revoke projectId': { ...changes, archived: 'REVISION_MOVED', shredding: 'REVISION_MOVED' },
  'files.list projectId': reads,
  'files.url projectId': opens,
  'files.remove projectId': changes,
  'history.list projectId': reads,
  'history.tail projectId': reads,
  'audit.rotations projectId': reads,
  'audit.rotationsPdf projectId': reads,
  'audit.configAt projectId': opens,
  'audit.diff projectId': opens,
  'proof.export projectId': reads,
  'proof.receipt projectId': opens,
  'runs.list projectId': reads,
  'runs.facets projectId': reads,
  'runs.get projectId': opens,
  'sessions.list projectId': reads,
  'sessions.get projectId': opens,
  'sessions.delete projectId': changes,
  'usage.report projectId': reads,
  'webhooks.current projectId': reads,
  'webhooks.set projectId': changes,
  'webhooks.regenerateSecret projectId': changes,
  'webhooks.changeEvents projectId': changes,
  'webhooks.remove projectId': {
    ...reads,
    archived: 'WEBHOOK_NOT_SET',
    shredding: 'WEBHOOK_NOT_SET',
    shredded: 'WEBHOOK_NOT_SET',
  },
  'webhooks.sendTest projectId': changes,
  'webhooks.deliveries projectId': reads,
  'webhooks.delivery projectId': ofThing,
  'webhooks.retry projectId': changes,
  'GET /api/proof/:projectId :projectId': { ...reads, unknown: '404', malformed: '400' },
  // The last one: it takes the request to shred back.
  'projects.cancelShred projectId': { ...reads, shredded },
}

type ThingRow = { thing: Thing; unknown: string; malformed: string }
const refused = (thing: Thing) => ({ thing, unknown: 'NOT_FOUND', malformed: 'INVALID_INPUT' })
/** A list in which nothing is then. */
const filtered = (thing: Thing) => ({ thing, unknown: 'ok', malformed: 'INVALID_INPUT' })
const always = (thing: Thing, code: string) => ({ thing, unknown: code, malformed: code })
const run = always('run', 'context_expired')
const session = always('session', 'session_not_found')
const file = always('file', 'file_not_found')
const attached = always('file', 'invalid_body')

/** Whatever project a thing belongs to, if not to the one that asks: the answer is that for an id that does not exist. */
export const thingRows: Record<string, ThingRow> = {
  'files.url fileId': refused('file'),
  'files.remove fileId': refused('file'),
  'proof.receipt runId': refused('run'),
  'runs.get runId': refused('run'),
  'runs.list sessionId': filtered('session'),
  'sessions.get sessionId': refused('session'),
  'sessions.delete sessionId': refused('session'),
  'webhooks.deliveries cursor': filtered('delivery'),
  'webhooks.delivery deliveryId': refused('delivery'),
  'webhooks.retry deliveryId': refused('delivery'),
  'POST /v1/agent files[].file_id': attached,
  'POST /v1/sessions/:id/messages files[].file_id': attached,
  'GET /v1/agent/:id :id': run,
  'GET /v1/agent/:id/stream :id': run,
  'POST /v1/agent/:id/tool-outputs :id': run,
  'DELETE /v1/agent/:id :id': run,
  'GET /v1/files/:id :id': file,
  'GET /v1/files/:id/content :id': file,
  'DELETE /v1/files/:id :id': file,
  'GET /v1/sessions/:id :id': session,
  'GET /v1/sessions/:id/messages :id': session,
  'POST /v1/sessions/:id/messages :id': session,
  'DELETE /v1/sessions/:id :id': session,
}

/** What is called an id and names nothing of a project. */
export const others: readonly { why: string; is: RegExp }[] = [
  { why: 'the caller’s own name for its command; `packages/db/src/store/idempotency.test.ts`', is: / commandId$/ },
  { why: 'a place in the log of the account', is: /^history\.tail lastEventId$/ },
  { why: 'the model’s name for a call, within the run in the path', is: / tool_outputs\[\]\.tool_call_id$/ },
  { why: 'a model of the provider', is: /^\w+ \/v1\/models\/(:id|\*) / },
  { why: 'a procedure', is: /^\w+ \/trpc\/:path :path$/ },
  { why: 'a tile of the public log', is: /^GET \/log\/tile\/\* / },
  { why: 'no route: an answer to every other address', is: /^\w+ \/(log|v1)\/\* / },
  { why: 'sign-in, which knows no project', is: /^\w+ \/api\/auth\/\* / },
]
