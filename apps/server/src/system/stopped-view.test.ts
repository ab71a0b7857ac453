import { views } from '@stewrd/core/catalog.ts'
import { expect, test } from 'vitest'
import { stoppedBy } from './stopped-view.ts'

const view = (error: string | null, name = 'held-keys') =>
  stoppedBy({
    view: name,
    version: 1,
    checkpoint: 41,
    lag: 3,
    status: error ? 'quarantined' : 'live',
    error,
    updatedAt: 0,
  })

test('a view that goes on has not stopped', () => expect(view(null)).toBeNull())

test.each([
  ['EVENT_UNKNOWN at 41', 'EVENT_UNKNOWN', 'newer version', 'Update this server'],
  ['FOLD_FAILED at 41', 'FOLD_FAILED', 'could not be folded', 'stewrd replay held-keys'],
  ['ROW_REFUSED (22P05) after 41', 'ROW_REFUSED', 'did not take what', 'stewrd replay held-keys'],
  ['ENVELOPE_TAMPERED at 41', 'ENVELOPE_TAMPERED', 'cannot be read', 'stewrd doctor'],
])('%s says why, and what to do', (error, code, why, mend) => {
  expect(view(error)).toMatchObject({
    code,
    at: 41,
    why: expect.stringContaining(why) as string,
    mend: expect.stringContaining(mend) as string,
    means: 'Replaced provider keys are not destroyed until it goes on.',
  })
})

test('every view says what stands still with it', () => {
  for (const { projection } of views)
    expect(view('FOLD_FAILED at 41', projection.name)?.means, projection.name).not.toBe('What it shows stays as it is.')
})
