import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,properties,golden,scenarios,bundle,contract}/**/*.test.ts'],
    testTimeout: 20_000,
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
