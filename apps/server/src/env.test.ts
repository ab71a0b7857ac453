import { expect, test } from 'vitest'
import { EnvError, readEnv } from './env.ts'

const problems = (source: NodeJS.ProcessEnv) => {
  try {
    readEnv(source)
  } catch (error) {
    if (error instanceof EnvError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

test('nothing set is a working configuration on loopback', () => {
  const env = readEnv({})
  expect(env).toMatchObject({ port: 4400, host: '127.0.0.1', production: false, egressAllow: [], logLevel: 'info' })
  expect(env.home).toMatch(/\/\.stewrd$/)
  expect(env.databaseUrl).toBeUndefined()
})

test('variables that name a proxy are known by name, to be said', () => {
  expect(readEnv({ HTTPS_PROXY: 'http://ada:SENTINEL@proxy:3128', http_proxy: 'x' }).ignoredProxies).toEqual([
    'HTTPS_PROXY',
    'http_proxy',
  ])
  expect(readEnv({ NODE_USE_ENV_PROXY: '0', HTTPS_PROXY: '' }).ignoredProxies).toEqual([])
})

test('an empty variable counts as not set', () => {
  expect(readEnv({ PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4400 })
})

test('every bad variable is named, and no value is shown', () => {
  const message = problems({
    PORT: 'SENTINEL-1',
    DATABASE_URL: 'mysql://SENTINEL-2',
    STEWRD_LOG_LEVEL: 'SENTINEL-3',
    STEWRD_EGRESS_ALLOW: 'SENTINEL-4',
    NODE_ENV: 'SENTINEL-5',
    STEWRD_PUBLIC_URL: 'SENTINEL-6',
  })
  for (const name of [
    'PORT',
    'DATABASE_URL',
    'STEWRD_LOG_LEVEL',
    'STEWRD_EGRESS_ALLOW',
    'NODE_ENV',
    'STEWRD_PUBLIC_URL',
  ])
    expect(message).toContain(name)
  expect(message).not.toContain('SENTINEL')
})

test('a database URL says what is wrong with it, without its password', () => {
  const password = problems({ DATABASE_URL: 'postgres://u:SENTINEL%zz@h/db' })
  expect(password).toContain('DATABASE_URL has a character in its user or password that must be percent-encoded')
  const parameter = problems({ DATABASE_URL: 'postgres://u:SENTINEL@h/db?schema=app' })
  expect(parameter).toContain('DATABASE_URL has a parameter that is not understood: schema')
  expect(password + parameter).not.toContain('SENTINEL')
  const several = 'postgres://u:p@h1:5432,h2:5432/db?target_session_attrs=primary&channel_binding=require'
  expect(readEnv({ DATABASE_URL: several, STEWRD_DATABASE_POOL: '6' })).toMatchObject({
    databaseUrl: several,
    databasePool: 6,
  })
})

test('an owner beside the embedded database is refused', () =>
  expect(problems({ STEWRD_DATABASE_OWNER_URL: 'postgres://u:p@h/db' })).toContain('needs DATABASE_URL'))

test('a default model needs its key and its name', () => {
  const message = problems({ STEWRD_DEFAULT_PROVIDER: 'custom' })
  expect(message).toContain('STEWRD_DEFAULT_API_KEY')
  expect(message).toContain('STEWRD_DEFAULT_MODEL')
  expect(message).toContain('STEWRD_DEFAULT_BASE_URL')
})

test('the default model key cannot be printed', () => {
  const env = readEnv({ STEWRD_DEFAULT_API_KEY: 'sk-SENTINEL-key', STEWRD_DEFAULT_MODEL: 'gpt-4o' })
  expect(env.defaultModel).toMatchObject({ provider: 'openai', baseUrl: 'https://api.openai.com/v1', model: 'gpt-4o' })
  expect(JSON.stringify(env)).not.toContain('SENTINEL')
})

test('allowed private hosts are host and port', () => {
  expect(readEnv({ STEWRD_EGRESS_ALLOW: '127.0.0.1:8080, llm.local:443,[::1]:9000' }).egressAllow).toEqual([
    '127.0.0.1:8080',
    'llm.local:443',
    '[::1]:9000',
  ])
})

test.each([
  ['STEWRD_PUBLIC_URL', 'https://host.example/stewrd', 'must not have a path'],
  ['STEWRD_PUBLIC_URL', 'https://ada:secret@host.example', 'scheme, host and port only'],
  ['STEWRD_PUBLIC_URL', 'https://host.example/?tenant=1', 'scheme, host and port only'],
  ['STEWRD_TRUSTED_PROXIES', 'proxy.example', 'must be addresses or ranges'],
  ['STEWRD_TRUSTED_PROXIES', '0.0.0.0/0', 'everything is refused'],
  ['STEWRD_TRUSTED_PROXIES', '10.0.0.0/40', 'must be addresses or ranges'],
  ['STEWRD_ALLOWED_HOSTS', 'https://host.example', 'without scheme'],
  ['STEWRD_MAX_CONNECTIONS', '0', 'at least 1'],
  ['STEWRD_DRAIN_SECONDS', '-1', 'at least 0'],
])('%s=%s is refused in words', (name, value, words) => {
  const message = problems({ [name]: value })
  expect(message).toContain(`${name} `)
  expect(message).toContain(words)
})

test('the public URL is kept without a slash at its end', () =>
  expect(readEnv({ STEWRD_PUBLIC_URL: 'https://host.example/' }).publicUrl).toBe('https://host.example'))

test('a server that listens at one address answers to it', () =>
  expect(readEnv({ HOST: '10.0.0.7', STEWRD_ALLOWED_HOSTS: 'a.example, b.example' }).edge.allowedHosts).toEqual([
    'a.example',
    'b.example',
    '10.0.0.7',
  ]))
