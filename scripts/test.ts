/**
 * `npm test`: everything but the real cluster, once. Further arguments go to vitest, e.g. `npm test -- comment`.
 *
 * HEADGATE_TEST_SUMMARY: path to write {passed, failed, skipped} to, as JSON.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')

interface Summary {
  passed: number
  failed: number
  skipped: number
}

function run(args: string[]): Promise<number> {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('exit', (code) => done(code ?? 1))
  })
}

/** Reads vitest's report. A file that did not even load counts as one failed test, else it would count as none. */
function summaryOf(file: string): Summary {
  const report = JSON.parse(readFileSync(file, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numTodoTests: number
    testResults: { status: string; assertionResults: unknown[] }[]
  }
  const broken = report.testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0)
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

const { positionals } = parseArgs({ allowPositionals: true, strict: false })
const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'))
try {
  const file = join(folder, 'report.json')
  const code = await run(['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...positionals])
  const summary = summaryOf(file)
  const target = process.env['HEADGATE_TEST_SUMMARY']
  if (target !== undefined && target !== '') writeFileSync(target, `${JSON.stringify(summary)}\n`)
  console.log(`${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
  process.exitCode = code === 0 && summary.failed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
