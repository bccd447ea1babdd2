import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,properties,golden,scenarios,bundle,contract}/**/*.test.ts'],
    testTimeout: 20_000,
    // All cores (by default one is left free). No test file leaves anything behind for the next in its process.
    maxWorkers: '100%',
    isolate: false,
    coverage: {
      provider: 'v8',
      include: [
        'src/manifests/**',
        'src/strategies/**',
        'src/health/**',
        'src/rollout/**',
        'src/report/**',
        'src/input/**',
      ],
      reporter: ['text-summary', 'text'],
    },
  },
})
