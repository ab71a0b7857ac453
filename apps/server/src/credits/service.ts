import { credits, creditsStream } from '@stewrd/core/credits/credits.ts'
import type { CreditBalance, CreditEntry } from '@stewrd/db/credits/ledger.ts'
import { creditBalance, creditEntries } from '@stewrd/db/credits/ledger.ts'
import type { Change } from '../kernel/change.ts'
import { metaOf } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'

/** `metering`: whether runs cost credits at all. */
export type CreditsNow = CreditBalance & { metering: boolean }
/** Newest first. `nextCursor` asks for the older ones; null at the end. */
export type EntryPage = { entries: CreditEntry[]; nextCursor: number | null }

export const creditsNow = async ({ sql, accountId, metering }: Platform): Promise<CreditsNow> => ({
  ...(await creditBalance(sql, accountId)),
  metering,
})

export async function entryPage(
  { sql, accountId }: Platform,
  { cursor, limit }: { cursor?: number | null | undefined; limit: number },
): Promise<EntryPage> {
  const found = await creditEntries(sql, accountId, { before: cursor ?? undefined, limit: limit + 1 })
  const entries = found.slice(0, limit)
  return { entries, nextCursor: found.length > limit ? entries.at(-1)!.nth : null }
}

/** Gives the account credits that do not expire. Said in the history, and booked in the same statement. */
export async function grantCredits(
  { store, sql, accountId }: Platform,
  { amount, reason, ...change }: { amount: number; reason?: string | undefined } & Change,
  actor: string,
): Promise<CreditBalance> {
  const command = { type: 'GrantCredits', amount, ...(reason !== undefined && { reason }) } as const
  const meta = { ...metaOf(change, actor), credits: { kind: 'grant', amount } } as const
  await store.execute(credits, creditsStream(accountId), command, meta)
  return creditBalance(sql, accountId)
}

/** Books credits that were paid for, which do not expire. The same reference again books nothing; with another amount it is refused. */
export async function purchaseCredits(
  { store, sql, accountId }: Platform,
  { amount, reference }: { amount: number; reference: string },
  actor: string,
): Promise<CreditBalance & { repeated: boolean }> {
  const command = { type: 'PurchaseCredits', amount, reference } as const
  const meta = { commandId: `purchase:${reference}`, actor, credits: { kind: 'purchase', amount } } as const
  const { repeated } = await store.execute(credits, creditsStream(accountId), command, meta)
  return { ...(await creditBalance(sql, accountId)), repeated }
}
