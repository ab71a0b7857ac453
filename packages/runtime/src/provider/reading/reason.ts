import type { JsonObject } from './json.ts'
import { isObject, numberIn, parseJson, textIn } from './json.ts'

/** What a provider says of a failure. `status` is the one that its body names, where the answer's own says nothing. */
export type Said = {
  message: string
  param: string | null
  code: string | null
  type: string | null
  status: number | null
}

export const nothingSaid: Said = { message: '', param: null, code: null, type: null, status: null }

/** The reason in the body of an answer that is no success: JSON of any of the shapes that there are, or a short text. */
export function reasonIn(body: string): Said {
  const trimmed = body.trim()
  const value = parseJson(trimmed)
  if (value !== undefined) return errorIn(value) ?? reasonOf(value) ?? nothingSaid
  // A page is written for people; what it says is no reason.
  return trimmed.startsWith('<') || trimmed.length > 500 ? nothingSaid : { ...nothingSaid, message: trimmed }
}

/** The error that a value tells of, where an answer was expected; undefined when it is none. */
export function errorIn(value: unknown): Said | undefined {
  if (Array.isArray(value)) return value.length === 1 ? errorIn(value[0]) : undefined
  if (!isObject(value)) return undefined
  const { error, object, type, choices, usage } = value
  if (error !== undefined && error !== null && error !== false && error !== '') return saidBy(error, value)
  if (object === 'error' || type === 'error') return saidBy(value, {})
  if (choices !== undefined || usage !== undefined) return undefined
  const reason = reasonOf(value)
  const told = value['detail'] !== undefined || value['errors'] !== undefined
  return reason && (told || reason.code !== null || reason.status !== null || reason.type !== null) ? reason : undefined
}

/** The reason in an object that is known to tell of a failure; undefined when it tells none. */
function reasonOf(value: unknown): Said | undefined {
  const said = saidBy(value, {})
  return said.message || said.code ? said : undefined
}

function saidBy(error: unknown, around: JsonObject): Said {
  const inner = isObject(error) ? error : {}
  const field = (name: string) => inner[name] ?? around[name]
  const code = field('code')
  const status = [
    inner['status'],
    inner['status_code'],
    inner['http_status'],
    code,
    around['status'],
    around['status_code'],
    around['code'],
  ]
  return {
    message: textOf(error) || textOf(around['message']) || textOf(around['detail']),
    param: textIn(field('param')) || null,
    code: textIn(code) || textIn(inner['status']) || null,
    type: textIn(field('type')) || null,
    status: status.map(statusIn).find((found) => found !== undefined) ?? null,
  }
}

const statusIn = (value: unknown): number | undefined => {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : numberIn(value)
  return status !== undefined && Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined
}

const MOST_DEPTH = 5
const FIELDS = [
  'message',
  'detail',
  'error',
  'errors',
  'msg',
  'error_description',
  'error_message',
  'reason',
  'title',
  'description',
] as const

/** The words in a value: a text, the fields that hold them, or a list of either. */
function textOf(value: unknown, depth = 0): string {
  if (depth > MOST_DEPTH) return ''
  if (typeof value === 'string') return inText(value, depth)
  if (Array.isArray(value))
    return value
      .slice(0, 3)
      .map((item) => textOf(item, depth + 1))
      .filter(Boolean)
      .join('; ')
  if (!isObject(value)) return ''
  const found = FIELDS.map((name) => textOf(value[name], depth + 1)).find(Boolean) ?? ''
  const parts = [located(value, found), behind(value, depth)].filter(Boolean)
  return parts.join(': ')
}

/** Some servers put the JSON of another into a text. */
function inText(text: string, depth: number): string {
  const inner = /^\s*[{[]/.test(text) ? parseJson(text) : undefined
  return (inner !== undefined && textOf(inner, depth + 1)) || text.trim()
}

/** Validators name the field beside the message. */
function located({ loc }: JsonObject, message: string): string {
  if (!Array.isArray(loc) || !message) return message
  return `${loc.filter((part) => part !== 'body').join('.')}: ${message}`
}

/** What OpenRouter passes on of the provider behind it. */
function behind({ metadata }: JsonObject, depth: number): string {
  if (!isObject(metadata)) return ''
  const { raw, reasons } = metadata
  const why = Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === 'string').join(', ') : ''
  return textOf(raw, depth + 1) || why
}
