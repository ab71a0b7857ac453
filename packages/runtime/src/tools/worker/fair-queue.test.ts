import { expect, test } from 'vitest'
import { FairQueue } from './fair-queue.ts'

const never = new AbortController().signal

/** A queue whose work ends when it is told to; `began` is in the order in which it began. */
function begun(places: number) {
  const queue = new FairQueue({ places, mostWaiting: 100 })
  const began: string[] = []
  const ends = new Map<string, () => void>()
  const add = (project: string, name: string, signal = never) =>
    queue.run(project, signal, () => {
      began.push(name)
      return new Promise<void>((resolve) => void ends.set(name, resolve))
    })!
  const end = async (name: string) => {
    ends.get(name)!()
    await settled()
  }
  return { add, began, end }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a project never has all places, and those that wait are served in turn', async () => {
  const { add, began, end } = begun(3)
  for (let i = 0; i < 5; i++) void add('a', `a${i}`)
  await settled()
  expect(began).toEqual(['a0', 'a1'])
  void add('b', 'b0')
  void add('b', 'b1')
  void add('c', 'c0')
  await settled()
  expect(began.slice(2)).toEqual(['b0'])
  await end('a0')
  await end('a1')
  await end('b0')
  expect(began.slice(3).toSorted()).toEqual(['a2', 'b1', 'c0'])
})

test('a place is free again after an error, and what is stopped while it waits never begins', async () => {
  const queue = new FairQueue({ places: 2, mostWaiting: 1 })
  await expect(queue.run('a', never, async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  const { add, began, end } = begun(2)
  const stop = new AbortController()
  void add('a', 'a0')
  const stopped = add('a', 'a1', stop.signal)
  const gone = add('a', 'a2', AbortSignal.abort(new Error('gone')))
  stop.abort(new Error('over'))
  await expect(stopped).rejects.toThrow('over')
  await expect(gone).rejects.toThrow('gone')
  await end('a0')
  expect(began).toEqual(['a0'])
  expect(await queue.run('a', never, async () => 'done')).toBe('done')
})
