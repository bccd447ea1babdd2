import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/cluster/e2e/**/*.test.ts'],
    // All files share one cluster and two cores; times are measured, so nothing runs beside.
    fileParallelism: false,
    // Scenarios of one file, each with users of its own: more than this and the machine itself is what is measured.
    maxConcurrency: 3,
    // Measured on two cores: a machine that stalls for seconds fails a measurement once. The report names what was retried.
    retry: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
