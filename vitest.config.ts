import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Tests that take long in few lines: begun last, one of them would keep a single core busy at the end. */
const LONG = /\/(crash-|phases|foreign|bundle\/|recipes\/)/

/** Vitest begins with the largest files, as long as it has not measured them. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (LONG.test(moduleId) ? 0 : 1)
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/{unit,properties,golden,scenarios,bundle,contract,recipes}/**/*.test.ts'],
    testTimeout: 60_000,
    // All cores, and one more for those that wait on programs of their own. No test file leaves anything behind for the
    // next in its process.
    maxWorkers: availableParallelism() + 1,
    isolate: false,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      // The pure folders.
      include: [
        'src/analysis/**',
        'src/manifests/**',
        'src/strategies/**',
        'src/health/**',
        'src/preflight/**',
        'src/rollout/**',
        'src/report/**',
        'src/input/**',
      ],
      reporter: ['text-summary', 'text'],
    },
  },
})
