/**
 * Every reason for which a command or a question is turned down, with what the caller needs to mend it. Never a secret.
 * A decider does not know the id of its own stream, so ids are optional.
 */
export type Refusals = {
  INVALID_INPUT: { field: string; problem: string }
  NOT_FOUND: {
    what: 'project' | 'run' | 'session' | 'file' | 'delivery' | 'event' | 'view' | 'revision'
    id?: string
  }
  REVISION_MOVED: { stream: string; expected: number; actual: number }
  COMMAND_REUSED: { commandId: string }
  STREAM_BUSY: { stream: string }
  EVENT_UNKNOWN: { type: string; version: number }
  PROJECT_EXISTS: { projectId?: string }
  PROJECT_ARCHIVED: { projectId?: string }
  PROJECT_SHREDDING: { projectId?: string; dueAt: number }
  PROJECT_SHREDDED: { projectId?: string }
  PLAN_RESTRICTED: { plan: string; capability: string }
  SHRED_NOT_REQUESTED: { projectId?: string }
  SHRED_NOT_DUE: { projectId?: string; dueAt: number }
  SHRED_UNCONFIRMED: { projectId?: string }
  PROVIDER_NOT_SET: Record<string, never>
  KEY_REQUIRED: { because: 'first_key' | 'provider_changed' | 'base_url_changed' }
  KEY_UNCHANGED: { fingerprint: string }
  KEY_NOT_STAGED: Record<string, never>
  NO_OVERLAP: Record<string, never>
  KEY_DESTROYED: { fingerprint: string }
  KEY_REJECTED: { fingerprint: string; status: number; reason: string }
  BASE_URL_REFUSED: { host: string; because: string }
  API_KEY_MISSING: Record<string, never>
  API_KEY_EXISTS: Record<string, never>
  RUN_EXISTS: { runId?: string }
  RUN_ENDED: { runId?: string; status: string }
  RUN_TAKEN_OVER: { runId?: string }
  RUN_NOT_WAITING: { status: string }
  SESSION_BUSY: { runId: string }
  SESSION_EXPIRED: Record<string, never>
  TOOL_OUTPUTS_EXPIRED: { expiresAt: number }
  TOOL_OUTPUTS_WRONG: { callId: string; because: 'unknown' | 'doubled' | 'missing' }
  MASTER_KEY_ROTATING: { to: string }
  MASTER_KEY_IN_USE: { key: string; values: number; projects?: number }
  DATA_KEYS_DAMAGED: { left: number; keys: readonly { dataKeyId: string; scope: string; code: string }[] }
  MASTER_KEY_PRIMARY: { key: string }
  MASTER_KEY_NOT_FIRST: { key: string }
  KEYRING_BUSY: Record<string, never>
  MASTER_KEY_UNKNOWN: { key: string }
  MASTER_KEY_MADE_ELSEWHERE: { provider: string }
  MASTER_KEY_NOT_EVERYWHERE: { key: string; nodes: readonly string[] }
  LOG_NOT_SIGNED: { needed: number; signed: number; alarm?: string }
  CHECKPOINT_DIFFERS: { size: number }
  RUN_SEALED: { runId: string }
  INSUFFICIENT_CREDITS: { needed: number; left: number }
  RATE_LIMITED: { perMinute: number; retryAfter: number }
  RUNS_AT_LIMIT: { atOnce: number }
  WEBHOOK_NOT_SET: Record<string, never>
  DELIVERY_PENDING: Record<string, never>
  REAUTHENTICATION_REQUIRED: Record<string, never>
  PASSWORD_WRONG: Record<string, never>
  TOO_MANY_ATTEMPTS: { retryAfter: number }
}

/** A command that the domain understood and said no to. Anything else that is thrown is a bug or an outage. */
export class Refusal<C extends keyof Refusals = keyof Refusals> extends Error {
  override readonly name = 'Refusal'
  readonly code: C
  readonly details: Refusals[C]
  constructor(code: C, details: Refusals[C], options?: ErrorOptions) {
    super((messages[code] as (details: Refusals[C]) => string)(details), options)
    this.code = code
    this.details = details
  }
}

const keyRequired = {
  first_key: 'This project has no key of its own yet. Enter the provider key.',
  provider_changed: 'The provider changes, and a key belongs to its provider. Enter the key for the new provider.',
  base_url_changed:
    'The base URL changes, and a key is only ever sent to the host it was saved for. Enter the key again.',
} as const

const toolOutputs = {
  unknown: 'Nobody asked for the output of this call',
  doubled: 'There are two outputs for this call',
  missing: 'There is no output for this call',
} as const

const messages: { [C in keyof Refusals]: (details: Refusals[C]) => string } = {
  INVALID_INPUT: ({ field, problem }) => `${field}: ${problem}`,
  NOT_FOUND: ({ what, id }) =>
    `There is no ${what}${id ? ` ${id}` : ' with this id'} here. Check the id, and that it belongs to this account.`,
  REVISION_MOVED: ({ expected, actual }) =>
    `Somebody else changed this first: it is at revision ${actual}, and you edited revision ${expected}. Look at the difference and try again.`,
  COMMAND_REUSED: () => 'This idempotency key was already used for another change. Send a new key with a new change.',
  EVENT_UNKNOWN: ({ type, version }) =>
    `A newer version of Stewrd wrote ${type} (version ${version}) here, and this one cannot tell what it means. Nothing was changed. Run the newer version on this server, too.`,
  STREAM_BUSY: () =>
    'Many changes to the same thing arrived at once and this one could not be placed. Nothing was changed: try again.',
  PROJECT_EXISTS: () => 'This project exists already. Use it, or create another under a new id.',
  PROJECT_ARCHIVED: () =>
    'This project is archived, so it can no longer be changed or run. Use or create another project.',
  PROJECT_SHREDDING: ({ dueAt }) =>
    `This project is to be shredded at ${new Date(dueAt).toISOString()}, and is at rest until then. Let it be: cancel the shredding first.`,
  PROJECT_SHREDDED: () =>
    'This project was shredded: its keys are destroyed, and nothing of its contents can be read again. Its history stays as it was recorded. Use another project.',
  PLAN_RESTRICTED: ({ plan, capability }) =>
    `The plan ${plan} of this project does not have ${capability}. Use what it has, or ask the operator of this server for another.`,
  SHRED_NOT_REQUESTED: () =>
    'Nobody asked for this project to be shredded, or that was cancelled. Run the request first.',
  SHRED_NOT_DUE: ({ dueAt }) =>
    `This project is to be shredded at ${new Date(dueAt).toISOString()}, which is not yet. Use the immediate form to skip the rest of the delay.`,
  SHRED_UNCONFIRMED: () =>
    "The name does not match. Enter the project's name exactly as it stands, to confirm that it may be destroyed.",
  PROVIDER_NOT_SET: () => 'This project has no provider of its own. Set a provider and key first.',
  KEY_REQUIRED: ({ because }) => keyRequired[because],
  KEY_UNCHANGED: ({ fingerprint }) =>
    `This is the key that is in use already (${fingerprint}). Make a new key at the provider and enter that one.`,
  KEY_REJECTED: ({ status, reason }) =>
    `The provider refused this key (HTTP ${status}): ${reason} Nothing was changed; the key in use stays.`,
  KEY_NOT_STAGED: () => 'This key is not staged (any more). Look at what is staged now, or stage the key again.',
  NO_OVERLAP: () =>
    'There is nothing to roll back to: no overlap is running, and the old key was destroyed with its end. Rotate to a key instead.',
  KEY_DESTROYED: ({ fingerprint }) =>
    `The key of then (${fingerprint}) was destroyed after it was replaced, and cannot be restored. Set the provider with its key, or with a new one.`,
  BASE_URL_REFUSED: ({ host, because }) => `The server will not connect to ${host}: ${because}`,
  API_KEY_MISSING: () => 'This project has no API key to revoke. Regenerate one.',
  API_KEY_EXISTS: () => 'This project has an API key already. Regenerate it to get a new one.',
  RUN_EXISTS: () => 'This run exists already. Read it, or start another under a new id.',
  RUN_TAKEN_OVER: () => 'Another server goes on with this run. Read its state, and let that server end it.',
  RUN_NOT_WAITING: ({ status }) => `This run waits for no tool outputs: it is ${status}. Read its state first.`,
  SESSION_BUSY: () => 'Another message of this session is being answered. Let that end, then try again.',
  SESSION_EXPIRED: () => 'Nothing was sent to this session for 30 minutes. Start another session.',
  TOOL_OUTPUTS_EXPIRED: () => 'This run waited five minutes for its tool outputs. Start another run.',
  TOOL_OUTPUTS_WRONG: ({ callId, because }) =>
    `${toolOutputs[because]}: ${callId}. Send one output for each call that was asked for.`,
  MASTER_KEY_ROTATING: ({ to }) =>
    `The master key is being rotated to ${to}. Let that end first: \`stewrd keys rotate-master\` goes on where it stopped.`,
  MASTER_KEY_IN_USE: ({ key, values, projects }) =>
    `${values} values${projects === undefined ? '' : ` of ${projects} projects`} depend on the master key ${key}. Run \`stewrd keys rotate-master\` first; \`stewrd keys list\` shows what is left.`,
  DATA_KEYS_DAMAGED: ({ left, keys }) =>
    `All but ${left} of the stored data keys were moved. These cannot be opened, and keep the rotation open: ${keys.map(damagedKey).join('; ')}. Put their rows back from a backup, or shred those projects; the rotation then ends by itself.`,
  MASTER_KEY_PRIMARY: ({ key }) =>
    `${key} is the primary master key: new values are wrapped under it. Rotate to another one first.`,
  MASTER_KEY_NOT_FIRST: ({ key }) =>
    `${key} cannot become the primary master key from here. Put its provider first in STEWRD_KEYRING on every server, with the old one after it, and start them again.`,
  KEYRING_BUSY: () => 'Somebody else is changing the keyring just now. Let that end, then try again.',
  MASTER_KEY_UNKNOWN: ({ key }) =>
    `There is no master key ${key}. Check the id: \`stewrd keys list\` shows those that there are.`,
  MASTER_KEY_MADE_ELSEWHERE: ({ provider }) =>
    `Keys in ${provider} are not made from here. Make one there, and put it first in STEWRD_KEYRING, with the old one after it.`,
  MASTER_KEY_NOT_EVERYWHERE: ({ key, nodes }) =>
    `Not every server has the master key ${key} yet: ${nodes.join(', ')}. Give them the same keyring; nothing was rotated.`,
  LOG_NOT_SIGNED: ({ needed, signed, alarm }) =>
    `The log is signed up to ${signed} entries, and this needs ${needed}. ${alarm ?? 'A running server signs within a second: try again.'}`,
  CHECKPOINT_DIFFERS: ({ size }) =>
    `The log does not go on from the given checkpoint of ${size} entries. Keep that checkpoint: it shows that the history was changed, or that it is of another installation.`,
  RUN_SEALED: () =>
    'The events of this run, or the configuration that it names, cannot be opened (any more), so nothing of it can be shown. Use `stewrd audit export` for a proof without payloads.',
  INSUFFICIENT_CREDITS: ({ needed, left }) =>
    `This run costs ${needed} credits, and the account has ${left}. Run \`stewrd credits grant\`, or wait for the free credits of next month.`,
  RATE_LIMITED: ({ perMinute, retryAfter }) =>
    `This project starts at most ${perMinute} runs a minute: try again in ${retryAfter} seconds.`,
  RUNS_AT_LIMIT: ({ atOnce }) =>
    `This project runs at most ${atOnce} agents at once, and they are all at work: try again when one has ended.`,
  WEBHOOK_NOT_SET: () => 'This project has no webhook. Set an address first.',
  DELIVERY_PENDING: () => 'This delivery is still being tried. Let that end, or look at it again later.',
  REAUTHENTICATION_REQUIRED: () =>
    'Your password was not entered in the last five minutes, so nothing was changed. Enter it again to confirm.',
  PASSWORD_WRONG: () => 'The password is wrong. Enter the one that you sign in with.',
  TOO_MANY_ATTEMPTS: ({ retryAfter }) =>
    `Too many attempts failed: try again in ${retryAfter < 120 ? `${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}` : `${Math.ceil(retryAfter / 60)} minutes`}.`,
  RUN_ENDED: ({ status }) => `This run has ended already (${status}). Start another.`,
}

const damagedKey = ({ dataKeyId, scope, code }: Refusals['DATA_KEYS_DAMAGED']['keys'][number]) =>
  `${dataKeyId} of ${scope === 'deployment' ? 'the deployment' : `project ${scope}`} (${code})`
