import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ownCluster, runProgram } from './world.ts'

const ROOT = join(import.meta.dirname, '../../..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const AT_MOST_MS = 400_000

/** The emulator's answers are compared with recorded ones in `npm test`; here the recorded ones with a real server's. */
test.runIf(ownCluster)(
  'what the emulator promises, Kubernetes keeps',
  async () => {
    // Some rows look at controllers in the middle of their work; on a busy machine such a moment is looked for again.
    const env = { ...process.env, HEADGATE_CONTRACT: 'real', NO_COLOR: '1' }
    const args = [
      VITEST,
      'run',
      'test/contract',
      '--root',
      ROOT,
      '--testTimeout',
      '200000',
      '--retry',
      '2',
      '--maxWorkers',
      '1',
    ]
    const { code, stdout, stderr } = await runProgram(process.execPath, args, { env, cwd: ROOT, timeoutMs: AT_MOST_MS })
    expect(code, `${stdout}\n${stderr}`).toBe(0)
    expect(stdout).toMatch(/Tests {2}\d+ passed/)
  },
  AT_MOST_MS,
)
