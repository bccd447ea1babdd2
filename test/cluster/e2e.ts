/** `npm run e2e`: the tests on a real Kubernetes. See `arguments.ts` for its options. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HELP, readArguments } from './arguments.ts'
import { binariesAreBuilt, ensureBinaries } from './build.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { exitCode } from './inside.ts'
import { missingRequirements, prometheusProgram } from './requirements.ts'
import { ensureTraffic, trafficIsMissing } from './traffic.ts'

const ROOT = join(import.meta.dirname, '../..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
// The native loader writes no temporary file into the project, which may be read-only for whoever only counts tests.
const CONFIG = ['--configLoader', 'native', '--config', join(import.meta.dirname, 'vitest.config.ts')]

const BAR = '!'.repeat(78)

interface Summary {
  suite: 'e2e'
  passed: number
  failed: number
  skipped: number
  seconds: number
  /** why all were skipped */
  reason?: string
}

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  success: boolean
}

function writeSummary(summary: Summary): void {
  const file = process.env['HEADGATE_TEST_SUMMARY']
  if (file !== undefined && file !== '') writeFileSync(file, `${JSON.stringify(summary)}\n`)
}

/** Names of the tests, without running them. */
async function countTests(rest: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [VITEST, 'list', '--no-staticParse', ...CONFIG, ...rest], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    // Else those that need the test cluster would not be listed.
    env: {
      ...process.env,
      HEADGATE_E2E_CLUSTER: 'none',
      HEADGATE_E2E_TRAEFIK: 'none',
      HEADGATE_E2E_PROMETHEUS: 'none',
    },
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  await new Promise((resolve) => child.once('close', resolve))
  return text.split('\n').filter((line) => line.includes(' > ')).length
}

async function skip(reasons: readonly string[], rest: readonly string[]): Promise<number> {
  const skipped = await countTests(rest)
  console.log(`${BAR}\nSKIPPED: ${skipped} tests on a real Kubernetes did not run, because`)
  for (const reason of reasons) console.log(`  - ${reason}`)
  console.log(BAR)
  writeSummary({ suite: 'e2e', passed: 0, failed: 0, skipped, seconds: 0, reason: reasons.join('; ') })
  return 0
}

/** Runs vitest by `run`, prints its results, and writes the summary. */
async function test(
  rest: readonly string[],
  env: NodeJS.ProcessEnv,
  run: (command: string, args: string[], env: NodeJS.ProcessEnv) => Promise<number>,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-e2e-'))
  const report = join(folder, 'report.json')
  const started = Date.now()
  try {
    const retried = join(import.meta.dirname, 'retried.ts')
    const reporters = ['--reporter=verbose', `--reporter=${retried}`, '--reporter=json', `--outputFile.json=${report}`]
    const args = [VITEST, 'run', ...CONFIG, ...reporters, ...rest]
    const code = await run(process.execPath, args, { ...process.env, ...env })
    if (!existsSync(report)) return code === 0 ? 1 : code // it was ended from outside
    const counts = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
    const summary: Summary = {
      suite: 'e2e',
      passed: counts.numPassedTests,
      failed: counts.numFailedTests + (counts.numFailedTests === 0 && !counts.success ? 1 : 0),
      skipped: counts.numPendingTests + counts.numTodoTests,
      seconds: Math.round((Date.now() - started) / 1_000),
    }
    console.log(`e2e: ${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
    writeSummary(summary)
    return code
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function testOnOwnCluster(rest: readonly string[], keep: boolean): Promise<number> {
  const missing = missingRequirements({ binariesAreBuilt: binariesAreBuilt() })
  if (missing.length > 0) return skip(missing, rest)
  const binaries = await ensureBinaries()
  const noTraefik = trafficIsMissing()
  const traffic = noTraefik === undefined ? { traffic: await ensureTraffic() } : {}
  if (noTraefik !== undefined) console.log(`${BAR}\nSKIPPED: tests of traffic routers, because ${noTraefik}\n${BAR}`)
  if (prometheusProgram() === undefined)
    console.log(`${BAR}\nSKIPPED: tests with Prometheus, because it is not there (test/cluster/prepare.sh)\n${BAR}`)
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupted.abort())
  let cluster: Cluster | undefined
  try {
    cluster = await startCluster({ binaries, ...traffic, keep, say: console.log })
    const code = interrupted.signal.aborted
      ? 130
      : await testIn(cluster, noTraefik === undefined, rest, interrupted.signal)
    return interrupted.signal.aborted ? 130 : code
  } finally {
    if (keep && cluster !== undefined && !interrupted.signal.aborted)
      console.log(`kept: LAB_FOLDER=${cluster.folder} node test/cluster/lab.ts k get pods -A   (or: in, down)`)
    else await cluster?.stop()
  }
}

function testIn(cluster: Cluster, hasTraefik: boolean, rest: readonly string[], signal: AbortSignal): Promise<number> {
  const kubeconfig = cluster.kubeconfig()
  const env = {
    HEADGATE_E2E_CLUSTER: cluster.folder,
    HEADGATE_E2E_KUBECONFIG: kubeconfig,
    HEADGATE_E2E_KUBECTL: cluster.kubectl,
    ...(hasTraefik ? { HEADGATE_E2E_TRAEFIK: 'yes' } : {}),
    ...(prometheusProgram() === undefined ? {} : { HEADGATE_E2E_PROMETHEUS: 'yes' }),
    KUBECONFIG: kubeconfig,
  }
  return test(rest, env, (command, args, env) => cluster.run(command, args, { env, signal }))
}

async function testOnForeignCluster(rest: readonly string[], kubeconfig: string): Promise<number> {
  console.log(`running on the cluster of KUBECONFIG=${kubeconfig}`)
  const kubectl = process.env['HEADGATE_E2E_KUBECTL'] ?? 'kubectl'
  const env = { HEADGATE_E2E_KUBECONFIG: kubeconfig, HEADGATE_E2E_KUBECTL: kubectl }
  return test(rest, env, (command, args, env) => exitCode(spawn(command, args, { cwd: ROOT, stdio: 'inherit', env })))
}

async function main(): Promise<number> {
  const { keep, help, rest } = readArguments(process.argv.slice(2))
  if (help) {
    console.log(HELP)
    return 0
  }
  const kubeconfig = process.env['KUBECONFIG'] ?? ''
  return kubeconfig === '' ? testOnOwnCluster(rest, keep) : testOnForeignCluster(rest, kubeconfig)
}

process.exitCode = await main()
