import { open } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { explain } from './explain.ts'

const thrown = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )
const driverError = (code: string) =>
  Object.assign(new Error('password authentication failed for SENTINEL'), { name: 'PostgresError', code })

test('an error of the system is said by its code, without its path', async () => {
  const { message } = explain(await thrown(open('/SENTINEL/is/missing')))
  expect(message).toBe('A file or a folder is missing (ENOENT). Check STEWRD_HOME, and the path that you named.')
})

test.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES', 'EADDRINUSE'])(
  '%s has words in a command and at a start',
  (code) => {
    const error = Object.assign(new Error(`${code}: SENTINEL`), { code, errno: -28, syscall: 'write' })
    const { message } = explain(error)
    expect(message).toMatch(new RegExp(`^[A-Z].*\\(${code}\\)\\. [A-Z].*\\.$`))
    expect(message).not.toContain('SENTINEL')
  },
)

test('an error of the driver is said by its code, and one that nobody knows is named, without its text', () => {
  expect(explain(driverError('28P01')).message).toBe(
    'The database refused the password of its user (28P01). Correct user and password in DATABASE_URL.',
  )
  const { message } = explain(driverError('99999'))
  expect(message).toMatch(
    /^Something unexpected went wrong \(PostgresError, 99999, at .*\)\. Please report this line\.$/,
  )
  expect(message).not.toContain('SENTINEL')
})
