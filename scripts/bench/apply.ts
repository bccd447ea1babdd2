/**
 * 300 small objects in one file, by Headgate (dry run, record and all) and by `kubectl apply --server-side`, on the
 * cluster of KUBECONFIG. A program of its own, because the test cluster can only be reached from inside its network.
 * Prints one line of JSON: {"headgate": ms, "kubectl": ms, "times": …}. Makes namespaces of its own and removes them.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const COUNT = 300
const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js')

/** One file as people write it: documents, one after the other. The Deployment, without pods, makes it an app. */
export function manyObjects(): string {
  const maps = Array.from({ length: COUNT - 1 }, (_, index) =>
    [
      'apiVersion: v1',
      'kind: ConfigMap',
      'metadata:',
      `  name: setting-${index}`,
      'data:',
      `  key: value ${index}`,
    ].join('\n'),
  )
  const labels = { app: 'many' }
  const container = { name: 'app', image: 'gihyodocker/echo-version:0.1.0' }
  const app = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'many' },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  }
  return [...maps, JSON.stringify(app)].join('\n---\n')
}

/** Milliseconds that a program takes; rejects with what it said when it fails. */
export function timed(command: string, args: string[], cwd: string, env = process.env): Promise<number> {
  const began = performance.now()
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(performance.now() - began)
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${said.slice(-2_000)}`))
    })
  })
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN

async function main(): Promise<void> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'))
  const run = `bench-${process.pid.toString(36)}`
  const namespaces: string[] = []
  const times = { headgate: [] as number[], kubectl: [] as number[] }
  const commands = {
    headgate: (namespace: string) =>
      timed(process.execPath, [CLI, 'deploy', '--namespace', namespace, '--manifests', 'many.yaml'], temp),
    kubectl: (namespace: string) =>
      timed('kubectl', ['-n', namespace, 'apply', '--server-side', '-f', 'many.yaml'], temp),
  }
  try {
    writeFileSync(path.join(temp, 'many.yaml'), manyObjects())
    // In turn, so that a busy minute of the machine falls on both; the median, so that a busy moment counts for neither.
    for (const round of [1, 2, 3])
      for (const name of ['headgate', 'kubectl'] as const) {
        const namespace = `${run}-${name}-${round}`
        await timed('kubectl', ['create', 'namespace', namespace], temp)
        namespaces.push(namespace)
        times[name].push(await commands[name](namespace))
      }
    console.log(JSON.stringify({ headgate: median(times.headgate), kubectl: median(times.kubectl), times }))
  } finally {
    await timed('kubectl', ['delete', 'namespace', '--wait=false', '--ignore-not-found', ...namespaces], temp)
    rmSync(temp, { recursive: true, force: true })
  }
}

if (import.meta.main) await main()
