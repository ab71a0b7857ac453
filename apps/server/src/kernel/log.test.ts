import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { expect, test } from 'vitest'
import { createLogger, errorFields, pathOf } from './log.ts'

const logged = (write: (log: ReturnType<typeof createLogger>) => void) => {
  const lines: string[] = []
  write(createLogger({ production: true, logLevel: 'trace' }, { write: (line) => void lines.push(line) }))
  return lines.join('')
}

test('of an error that is not ours only name, code and place are logged', () => {
  const driver = Object.assign(new Error('duplicate key (SENTINEL)'), { code: '23505', detail: 'Key (x)=(SENTINEL)' })
  const text = logged((log) => log.error({ err: new Error('SENTINEL', { cause: driver }) }, 'failed'))
  expect(text).not.toContain('SENTINEL')
  expect(text).toContain('23505')
  expect(text).toContain('log.test.ts')
})

test('an error of several lines does not smuggle its text in through the stack', () => {
  const error = new Error('first\n    at SENTINEL-line\nlast SENTINEL')
  expect(JSON.stringify(errorFields(error))).not.toContain('SENTINEL')
})

test('a refusal is logged with its own words', () => {
  expect(errorFields(new Refusal('PROVIDER_NOT_SET', {}))).toMatchObject({
    name: 'Refusal',
    code: 'PROVIDER_NOT_SET',
    message: expect.stringContaining('no provider'),
  })
})

test('of a request method and path are logged', () => {
  const request = { method: 'GET', url: '/a?key=SENTINEL', headers: { authorization: 'SENTINEL' }, body: 'SENTINEL' }
  expect(logged((log) => log.info({ req: request, res: { headers: 'SENTINEL' } }))).not.toContain('SENTINEL')
  expect(pathOf('/a/b?x=1#y')).toBe('/a/b')
})

test('what a library logs of a request is left out, with its headers', () => {
  const options = { headers: { authorization: 'SENTINEL' } }
  const text = logged((log) => log.trace({ options, list: ['SENTINEL'], part: 'x' }, 'options'))
  expect(text).not.toContain('SENTINEL')
  expect(JSON.parse(text)).toMatchObject({ part: 'x', msg: 'options' })
})

test('what was made of an error is logged as it is, and nothing else in its place', () => {
  const text = logged((log) => log.warn({ err: errorFields(new TypeError('SENTINEL')) }, 'failed'))
  expect(JSON.parse(text)).toMatchObject({ err: { name: 'TypeError' } })
  expect(text).toContain('log.test.ts')
  expect(logged((log) => log.warn({ err: { name: 'SENTINEL' } }, 'failed'))).not.toContain('SENTINEL')
})
