import { randomUUID } from 'node:crypto'
import { unreadable } from '../errors.ts'
import type { ToolCall } from '../model-answer.ts'
import type { JsonObject } from '../reading/json.ts'
import { isObject, numberIn, textIn } from '../reading/json.ts'
import { argumentsObject, unwrapped } from './arguments.ts'
import { mergeDelta } from './merge-delta.ts'

const MOST_CALLS = 128

type Call = ToolCall & {
  /** As the server counts and names it. */
  index: number | undefined
  givenId: string
  extra: JsonObject
  /** Arguments that are JSON inside a JSON text: they are told once they are whole. */
  held: string | undefined
}
/** A piece of a call as a client reads it. `changed`: it is another than the server's. */
type Piece = { piece: JsonObject; changed: boolean }

/** Puts calls together from their pieces, though indexes or ids are missing, shared or change, and gives each a place and an id of its own. */
export class ToolCallJoiner {
  readonly #calls: Call[] = []

  get calls(): ToolCall[] {
    return this.#calls
      .filter(({ name }) => name)
      .map(({ id, name, arguments: args, held, extra }) => ({
        id,
        name,
        arguments: args || (held === undefined ? '{}' : unwrapped(held)),
        ...(Object.keys(extra).length > 0 && { extra }),
      }))
  }

  take(delta: JsonObject): Piece {
    const given = isObject(delta['function']) ? delta['function'] : {}
    const name = textIn(given['name'])
    const id = textIn(delta['id'])
    const index = numberIn(delta['index'])
    const known = this.#find({ index, id, name })
    const begins = known === undefined || isAnother(known, { id, name, args: given['arguments'] })
    const call = begins ? this.#begin(index, id) : known
    return this.#add(call, delta, { given, name, begins })
  }

  /** What is left to tell of the calls once they are whole. */
  flush(): JsonObject[] {
    return this.#calls.flatMap((call, index) => {
      if (call.arguments) return []
      call.arguments = call.held === undefined ? '{}' : unwrapped(call.held)
      call.held = undefined
      return call.name ? [{ index, function: { arguments: call.arguments } }] : []
    })
  }

  #find({ index, id, name }: { index: number | undefined; id: string; name: string }): Call | undefined {
    const last = this.#calls.at(-1)
    if (index !== undefined) return this.#calls.findLast((call) => call.index === index)
    const named = id ? this.#calls.findLast(({ givenId }) => givenId === id) : undefined
    return named ?? (id && name ? undefined : last)
  }

  #begin(index: number | undefined, givenId: string): Call {
    if (this.#calls.length >= MOST_CALLS) throw unreadable()
    const taken = !givenId || this.#calls.some(({ id }) => id === givenId)
    const id = taken ? `call_${randomUUID().replaceAll('-', '').slice(0, 24)}` : givenId
    const call: Call = { id, givenId, index, name: '', arguments: '', extra: {}, held: undefined }
    this.#calls.push(call)
    return call
  }

  #add(call: Call, delta: JsonObject, from: { given: JsonObject; name: string; begins: boolean }): Piece {
    const { given, name, begins } = from
    const { index, id, type, function: _, ...extra } = delta
    const { name: givenName, arguments: givenArgs, ...more } = given
    if (Object.keys(extra).length > 0) mergeDelta(call.extra, extra)
    const place = this.#calls.indexOf(call)
    const told = begins || !call.name ? name : ''
    call.name ||= name
    const args = this.#argumentsOf(call, givenArgs)
    const changed =
      index !== place ||
      (begins ? id !== call.id || type !== 'function' : Boolean(id) && id !== call.id) ||
      (textIn(givenName) !== told && givenName !== undefined) ||
      (begins ? args !== givenArgs : args !== (givenArgs ?? '')) ||
      (givenArgs !== undefined && typeof givenArgs !== 'string')
    const piece = {
      index: place,
      ...(begins && { id: call.id, type: 'function' }),
      ...extra,
      function: { ...more, ...(told && { name: told }), arguments: args },
    }
    return { piece, changed }
  }

  /** What these arguments add to the text of the call's. */
  #argumentsOf(call: Call, given: unknown): string {
    if (isObject(given)) {
      if (call.arguments) return ''
      return (call.arguments = JSON.stringify(given))
    }
    const text = textIn(given)
    if (call.held !== undefined || (!call.arguments && /^\s*"/.test(text))) {
      call.held = (call.held ?? '') + text
      return ''
    }
    call.arguments += text
    return text
  }
}

type Start = { id: string; name: string; args: unknown }

/** Whether this begins another call than the one under the same index: it brings a name, and the one before is not in the middle of its arguments. */
function isAnother(call: Call, { id, name, args }: Start): boolean {
  if (!name || !call.name) return false
  const complete = call.arguments !== '' && argumentsObject(call.arguments) !== undefined
  if (call.arguments !== '' && !complete) return false
  if (id && call.givenId && id !== call.givenId) return true
  if (call.arguments === '' && call.held === undefined) return name !== call.name
  return complete && (isObject(args) || /^\s*\{/.test(textIn(args)))
}
