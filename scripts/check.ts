/** `npm run check`: everything that can be said about the code without running it. One line per check, with its time. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules', '.bin')
const node = process.execPath

interface Check {
  name: string
  command: string[]
}

/** The slowest first, so that the last one to end is a short one. */
const CHECKS: Check[] = [
  { name: 'dist is fresh', command: [node, 'scripts/build.ts', '--check'] },
  { name: 'no dead code', command: [join(BIN, 'knip'), '--no-progress', '--cache'] },
  { name: 'types', command: [join(BIN, 'tsc'), '-p', '.'] },
  { name: 'lint', command: [join(BIN, 'oxlint'), '--type-aware'] },
  { name: 'docs and schemas are fresh', command: [node, 'scripts/docs.ts', '--check'] },
  { name: 'format', command: [join(BIN, 'biome'), 'format', '.'] },
]

interface Outcome {
  check: Check
  ok: boolean
  seconds: number
  output: string
}

function run(check: Check): Promise<Outcome> {
  const started = performance.now()
  const [program = '', ...args] = check.command
  const env = { ...process.env, PATH: `${BIN}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' }
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    const end = (ok: boolean, more = ''): void => {
      const output = Buffer.concat(chunks).toString('utf8') + more
      resolve({ check, ok, output, seconds: (performance.now() - started) / 1_000 })
    }
    child.on('error', (error) => end(false, error.message))
    child.on('close', (code) => end(code === 0))
  })
}

function print({ check, ok, seconds, output }: Outcome): void {
  console.log(`${ok ? '✓' : '✗'} ${check.name.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s`)
  if (!ok) console.log(output.trimEnd().replaceAll(/^/gm, '    '))
}

const waiting = [...CHECKS]
let failed = 0
async function worker(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const outcome = await run(check)
    if (!outcome.ok) failed++
    print(outcome)
  }
}
await Promise.all(Array.from({ length: Math.max(1, Math.min(3, availableParallelism())) }, worker))
console.log(failed === 0 ? 'all checks pass' : `${failed} of ${CHECKS.length} checks fail`)
process.exitCode = failed === 0 ? 0 : 1
