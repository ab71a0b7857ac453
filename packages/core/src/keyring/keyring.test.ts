import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { KeyringEvent } from './events.ts'
import { keyring, keyringStream } from './keyring.ts'

const old = { id: 'kek_old', version: 1 }
const next = { id: 'kek_new', version: 1 }
const projectId = '01890a5d-ac96-774b-bcce-b302099a8057'
const added: KeyringEvent = { type: 'MasterKeyAdded', version: 1, data: { key: next, provider: 'file' } }
const started: KeyringEvent = { type: 'MasterKeyRotationStarted', version: 1, data: { from: [old], to: next } }
const rotated: KeyringEvent = {
  type: 'MasterKeyRotated',
  version: 1,
  data: { from: [old], to: next, values: 7, left: 0 },
}
const retired: KeyringEvent = { type: 'MasterKeyRetired', version: 1, data: { key: old } }
const dataStarted: KeyringEvent = {
  type: 'DataKeyRotationStarted',
  version: 1,
  data: { projectId, to: { event: 2, secret: 3 } },
}
const dataRotated: KeyringEvent = { ...dataStarted, type: 'DataKeysRotated' }
const given = spec(keyring)

test('adding a key is recorded once', () => {
  given().when({ type: 'AddMasterKey', key: next, provider: 'file' }).then(added)
  given(added).when({ type: 'AddMasterKey', key: next, provider: 'file' }).then()
})

test('a rotation names what it leaves and where it goes', () =>
  given(added)
    .when({ type: 'StartMasterKeyRotation', from: [old], to: next })
    .then(started))

test('a rotation that was begun goes on; another one waits for its end', () => {
  given(added, started)
    .when({ type: 'StartMasterKeyRotation', from: [old], to: next })
    .then()
  given(added, started)
    .when({ type: 'StartMasterKeyRotation', from: [next], to: old })
    .thenRefused('MASTER_KEY_ROTATING', { to: 'kek_new' })
})

test('a rotation ends only when nothing is left under the old key', () => {
  given(added, started).when({ type: 'FinishMasterKeyRotation', values: 7, left: 0 }).then(rotated)
  given(added, started)
    .when({ type: 'FinishMasterKeyRotation', values: 6, left: 1 })
    .thenRefused('MASTER_KEY_IN_USE', { key: 'kek_old', values: 1 })
})

test('an end that was recorded is not recorded again', () =>
  given(added, started, rotated).when({ type: 'FinishMasterKeyRotation', values: 7, left: 0 }).then())

test('no key is retired while a rotation is under way', () => {
  given(added, started).when({ type: 'RetireMasterKey', key: old }).thenRefused('MASTER_KEY_ROTATING')
  given(added, started, rotated).when({ type: 'RetireMasterKey', key: old }).then(retired)
  given(added, started, rotated, retired).when({ type: 'RetireMasterKey', key: old }).then()
})

test('a data-key rotation keeps its goal until it is reached', () => {
  given()
    .when({ type: 'StartDataKeyRotation', projectId, to: { event: 2, secret: 3 } })
    .then(dataStarted)
  given(dataStarted)
    .when({ type: 'StartDataKeyRotation', projectId, to: { event: 9, secret: 9 } })
    .then()
  given(dataStarted).when({ type: 'FinishDataKeyRotation', projectId }).then(dataRotated)
  given(dataStarted, dataRotated).when({ type: 'FinishDataKeyRotation', projectId }).then()
})

test('what happened folds to what is under way', () => {
  expect(given(added, started, dataStarted).state).toEqual({
    added: [next],
    rotation: { from: [old], to: next },
    retired: [],
    dataKeys: { [projectId]: { event: 2, secret: 3 } },
  })
  expect(given(added, started, dataStarted, rotated, retired, dataRotated).state).toEqual({
    added: [],
    rotation: null,
    retired: [old],
    dataKeys: {},
  })
})

test('a key that was retired and is rotated to again is not retired any more', () => {
  const back: KeyringEvent = { ...started, data: { from: [next], to: old } }
  expect(given(added, started, rotated, retired, back).state.retired).toEqual([])
})

test('the stream belongs to the account, which stands in the place of a project', () =>
  expect(keyringStream('acc')).toEqual({ accountId: 'acc', projectId: 'acc', stream: 'keyring' }))
