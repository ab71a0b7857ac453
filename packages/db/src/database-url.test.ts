import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatabaseUrlError, parseDatabaseUrl, withDatabase } from './database-url.ts'

const problem = (url: string) => {
  try {
    parseDatabaseUrl(url)
  } catch (error) {
    if (error instanceof DatabaseUrlError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

test('an ordinary URL names user, password, host, port and database', () => {
  expect(parseDatabaseUrl('postgres://u:p%25%23%2F%40w@h.example/app')).toMatchObject({
    user: 'u',
    password: 'p%#/@w',
    host: ['h.example'],
    port: [5432],
    database: 'app',
    ssl: false,
  })
  expect(parseDatabaseUrl('postgresql://u@[::1]:6432')).toMatchObject({ host: ['::1'], port: [6432], database: 'u' })
})

test('several hosts and a socket can be named', () => {
  expect(parseDatabaseUrl('postgres://u:p@h1:5432,h2:5433/db?target_session_attrs=primary')).toMatchObject({
    host: ['h1', 'h2'],
    port: [5432, 5433],
    targetSessionAttrs: 'primary',
  })
  const socket = { path: '/run/postgresql/.s.PGSQL.5432', host: [], database: 'db' }
  expect(parseDatabaseUrl('postgres://u@/db?host=/run/postgresql')).toMatchObject(socket)
  expect(parseDatabaseUrl('postgres://u@%2Frun%2Fpostgresql/db')).toMatchObject(socket)
  expect(problem('postgres://u@/db?host=/run/postgresql,h1')).toContain('Name the socket alone')
})

test('what managed databases hand out is understood', () => {
  const neon = 'postgres://u:p@ep.example/db?sslmode=require&channel_binding=require&options=endpoint%3Dep-1'
  expect(parseDatabaseUrl(neon)).toMatchObject({ ssl: 'require', channelBinding: 'require', options: 'endpoint=ep-1' })
  expect(parseDatabaseUrl('postgres://u:p@h/db?application_name=mine&connect_timeout=10')).toMatchObject({
    applicationName: 'mine',
    connectTimeout: 10,
  })
})

test.each(['50%zz', 'a#b', 'a/b', 'a?b', 'a@b'])('the password %s must be percent-encoded', (password) => {
  const said = problem(`postgres://u:${password}@h:5432/db`)
  expect(said).toContain('percent-encoded')
  expect(said).not.toContain(password)
})

test.each([
  ['sslmod=require', 'sslmod'],
  ['pgbouncer=true', 'pgbouncer'],
  ['search_path=app', 'search_path'],
  ['sslmode=on', 'sslmode'],
  ['sslrootcert=/nowhere.pem&sslmode=verify-ca', 'sslrootcert'],
  ['sslrootcert=system&sslmode=require', 'verify-full'],
  ['sslrootcert=/nowhere.pem', 'verify-ca'],
  ['target_session_attrs=standby', 'target_session_attrs'],
  ['connect_timeout=soon', 'connect_timeout'],
  ['port=0', 'port'],
])('what would not be obeyed is refused by name: %s', (query, name) => {
  expect(problem(`postgres://u:SENTINEL@h/db?${query}`)).toContain(name)
  expect(problem(`postgres://u:SENTINEL@h/db?${query}`)).not.toContain('SENTINEL')
})

test.each(['mysql://u@h/db', 'h/db', 'postgres://h/db', 'postgres://u@h:port/db'])('%s is no database URL', (url) => {
  expect(problem(url)).toMatch(/must be a postgres|names/)
})

test.each(['postgres://u:p@h1,h2/db?sslmode=prefer', 'postgres://u:p@h1,h2?sslmode=prefer'])(
  'another database of the same server is named in place of the one of %s',
  (url) => expect(withDatabase(url, 'drill')).toBe('postgres://u:p@h1,h2/drill?sslmode=prefer'),
)

test('a root certificate is used, and a certificate is compared with the host where that is asked for', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'stewrd-url-'))
  const pem = join(dir, 'root.pem')
  await writeFile(pem, certificate)
  const raw = new X509Certificate(certificate).raw
  type Ssl = { ca: Buffer; rejectUnauthorized: true; checkServerIdentity?: (host: string, peer: object) => unknown }
  const ssl = (query: string, host = 'h') => parseDatabaseUrl(`postgres://u@${host}/db?${query}`).ssl as Ssl
  for (const query of [`sslmode=verify-ca&sslrootcert=${pem}`, `sslmode=require&sslrootcert=${pem}`]) {
    expect(ssl(query)).toMatchObject({ ca: Buffer.from(certificate), rejectUnauthorized: true })
    expect(ssl(query).checkServerIdentity!('h', { raw })).toBeUndefined()
  }
  const full = `sslmode=verify-full&sslrootcert=${pem}`
  // Node compares a name by itself.
  expect(ssl(full)).not.toHaveProperty('checkServerIdentity')
  expect(ssl(full, '192.0.2.1').checkServerIdentity!('localhost', { raw })).toBeUndefined()
  expect(ssl(full, '192.0.2.2').checkServerIdentity!('localhost', { raw })).toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  await rm(dir, { recursive: true })
})

/** For `other` and 192.0.2.1, of a key that is gone. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBjTCCATSgAwIBAgITefcwazhQTBflR2J9yZNplf0RwDAKBggqhkjOPQQDAjAQ
MQ4wDAYDVQQDDAVvdGhlcjAgFw0yNjExMjgxMTE2MzRaGA8yMTI2MTEwNDExMTYz
NFowEDEOMAwGA1UEAwwFb3RoZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARy
ux/L/tcbVZNdOONSTQJiSiSloSgnYtHSGs+RCZYgjWjG8z5nS4Roc/heQZ4LS3ak
7VaJ56nibgl8fibjgbjbo2swaTAdBgNVHQ4EFgQUYSphHsfJ4aZXZ4PUgwANLjBK
oHowHwYDVR0jBBgwFoAUYSphHsfJ4aZXZ4PUgwANLjBKoHowDwYDVR0TAQH/BAUw
AwEB/zAWBgNVHREEDzANggVvdGhlcocEwAACATAKBggqhkjOPQQDAgNHADBEAiEA
whpD35+QqMbxHjf+EPD+VmXOgEenZH1rV/UMPSIObzECHwnkp2KwEs1jeT5EgvN8
lPWyk7qen49oMQo8BN1u/JE=
-----END CERTIFICATE-----
`
