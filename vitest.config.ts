import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'bench'],
    // Many files start a real Postgres database, some a browser: two at a time keep a two-core machine honest.
    maxWorkers: 2,
  },
})
