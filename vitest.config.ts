import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*'],
    // How many files run at a time is said where `pnpm test` is: projects take it from the command line, not from here.
    globalSetup: ['packages/db/src/testing/global-setup.ts'],
  },
})
