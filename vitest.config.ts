import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*'],
    // Many files start processes, some a browser: two at a time keep a two-core machine honest.
    maxWorkers: 2,
    globalSetup: ['packages/db/src/testing/global-setup.ts'],
  },
})
