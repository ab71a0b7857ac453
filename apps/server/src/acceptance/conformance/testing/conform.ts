import { test } from 'vitest'
import type { Bed, Side } from './bed.ts'
import type { Row } from './rows.ts'

/** The test of a row of the contract. */
export const conforms = (row: Row, expectIt: () => Promise<void>, timeout = 20_000) =>
  test(`${row}, as the contract says`, () => expectIt(), timeout)

type OnBoth = (side: Side) => Promise<void>

/** The test of a row, on a project of each of the two providers. */
export function conformsOnBoth(row: Row, bed: () => Bed, expectOn: OnBoth, timeout = 20_000): void {
  test.each(['double', 'neutral'] as const)(
    `${row} (%s)`,
    async (name) => {
      bed().calm()
      await expectOn(bed().sides[name])
    },
    timeout,
  )
}
