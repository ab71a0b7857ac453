import { AxeBuilder } from '@axe-core/playwright'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { expect } from 'vitest'
import { builtDashboard } from '../kernel/dashboard.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { packagedChromium } from './packaged-chromium.ts'

/** A real Chromium that needs nothing of the system. The dashboard must have been built, as `pnpm test` does first. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(join(builtDashboard, 'index.html')))
    throw new Error('There is no dashboard to look at: run "pnpm exec turbo run build" first.')
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-gpu',
  ]
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return await chromium.launch({ executablePath: await packagedChromium(), args: [...quiet, ...asRoot] })
}

/** A page of somebody who has just made the owner's account. */
export async function ownerPage(browser: Browser, server: ServerProcess): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(server.setupLink!)
  await page.getByLabel('Name').fill('Ada Lovelace')
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByLabel('Password').fill('correct horse battery')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Make your first project' }).waitFor()
  return page
}

/** Enters the password whenever the page asks for a fresh one, as it does in tests that take longer than five minutes. */
export async function confirmPasswordWhenAsked(page: Page, password = 'correct horse battery'): Promise<void> {
  const question = page.getByRole('dialog', { name: 'Confirm your password' })
  await page.addLocatorHandler(question, async () => {
    await question.getByLabel('Password').fill(password)
    await question.getByRole('button', { name: 'Confirm' }).click()
  })
}

/** That of a button that waits has no end. */
const animationsEnd = `Promise.allSettled(
  document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime !== Infinity).map((a) => a.finished),
).then(() => true)`

/** Changes the colour scheme of the system and waits until the page has followed. Pages of the documentation follow by their style alone. */
async function wear(page: Page, colorScheme: 'light' | 'dark') {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  const isDashboard = !new URL(page.url()).pathname.startsWith('/docs')
  const worn = isDashboard && colorScheme === 'dark' ? 'html.dark' : 'html:not(.dark)'
  await page.locator(worn).waitFor({ state: 'attached' })
  // Colours change over a frame or two, and what inherits them follows after that.
  const frames = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))'
  await page.evaluate(frames)
  await page.evaluate(animationsEnd)
  await page.evaluate(frames)
}

/** Fails on any accessibility violation of the page as it stands, in light and in dark. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await wear(page, colorScheme)
    const { violations } = await new AxeBuilder({ page }).analyze()
    const found = violations.map(
      (v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')}: ${n.failureSummary ?? ''}`).join(', ')}`,
    )
    expect(found, `${name}, ${colorScheme}`).toEqual([])
  }
  await wear(page, 'light')
}

/** Fails when the page is wider than a narrow phone. */
export async function expectFits(page: Page, name: string): Promise<void> {
  const before = page.viewportSize()
  await page.setViewportSize({ width: 360, height: 740 })
  await picture(page, `${name}-narrow`)
  expect(await page.evaluate<number>('document.documentElement.scrollWidth'), `${name} at 360 px`).toBeLessThanOrEqual(
    360,
  )
  if (before) await page.setViewportSize(before)
}

/** Pictures for people, into the folder that STEWRD_PICTURES names. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.STEWRD_PICTURES
  if (!folder) return
  await mkdir(folder, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    await wear(page, colorScheme)
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) })
  }
  await wear(page, 'light')
}
