/** From the start of the process to the first request that the cluster sees, beside an empty script and kubectl. */
import { spawn, spawnSync } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Figure, median, type Skipped } from './table.ts'

const ROUNDS = 11

interface Door {
  url: string
  /** time of the first request since the last look, ms */
  first: () => number | undefined
  count: () => number
  close: () => void
}

/** A server that notes when it is asked and answers that nothing is there. */
async function openDoor(): Promise<Door> {
  let first: number | undefined
  let count = 0
  const server = http.createServer((_, response) => {
    first ??= performance.now()
    count++
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end('{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    first: () => {
      const seen = first
      first = undefined
      return seen
    },
    count: () => count,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function ends(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const began = performance.now()
  const child = spawn(command, args, { env, stdio: 'ignore' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve(performance.now() - began))
  })
}

export async function measureStart(root: string): Promise<(Figure | Skipped)[]> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'))
  const [cluster, github] = [await openDoor(), await openDoor()]
  try {
    writeFileSync(path.join(temp, 'empty.mjs'), '')
    writeFileSync(path.join(temp, 'kubeconfig'), kubeconfig(cluster.url))
    const env = actionEnvironment(temp, github.url)
    const kubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0
    const times: Record<'empty' | 'kubectl' | 'own', number[]> = { empty: [], kubectl: [], own: [] }
    // Side by side in each round, so that a busy moment of the machine meets all three.
    for (let round = 0; round <= ROUNDS; round++) {
      const empty = await ends(process.execPath, [path.join(temp, 'empty.mjs')])
      const other = kubectl ? await ends('kubectl', ['version', '--client']) : 0
      const began = performance.now()
      await ends(process.execPath, [path.join(root, 'dist', 'main.js')], env)
      const own = (cluster.first() ?? Number.NaN) - began
      if (round === 0) continue // the first meets cold files
      times.empty.push(empty)
      times.kubectl.push(other)
      times.own.push(own)
    }
    const [empty, own, other] = [median(times.empty), median(times.own), median(times.kubectl)]
    return [
      { name: 'start to the first cluster request', value: own, unit: ' ms' },
      {
        budget: 'startToEmptyNode',
        name: '… against an empty Node script',
        value: own / empty,
        unit: ' ×',
        beside: `${empty.toFixed(0)} ms`,
      },
      kubectl
        ? {
            budget: 'startToKubectl',
            name: '… against kubectl version --client',
            value: own / other,
            unit: ' ×',
            beside: `${other.toFixed(0)} ms`,
          }
        : { name: '… against kubectl version --client', why: 'there is no kubectl here' },
      { budget: 'githubRequestsAtStart', name: 'GitHub requests before it', value: github.count() },
    ]
  } finally {
    cluster.close()
    github.close()
    rmSync(temp, { recursive: true, force: true })
  }
}

export function kubeconfig(server: string): string {
  const cluster = { name: 'bench', cluster: { server } }
  const user = { name: 'bench', user: { token: 'tok-admin' } }
  const context = { name: 'bench', context: { cluster: 'bench', user: 'bench' } }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    clusters: [cluster],
    users: [user],
    contexts: [context],
  })
}

function actionEnvironment(temp: string, apiUrl: string): Record<string, string> {
  for (const name of ['output', 'state', 'summary']) writeFileSync(path.join(temp, name), '')
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: temp,
    RUNNER_TEMP: temp,
    GITHUB_ACTIONS: 'true',
    GITHUB_API_URL: apiUrl,
    GITHUB_REPOSITORY: 'acme/shop',
    GITHUB_RUN_ID: '1',
    GITHUB_SHA: '0'.repeat(40),
    GITHUB_WORKSPACE: temp,
    GITHUB_OUTPUT: path.join(temp, 'output'),
    GITHUB_STATE: path.join(temp, 'state'),
    GITHUB_STEP_SUMMARY: path.join(temp, 'summary'),
    INPUT_COMMAND: 'status',
    INPUT_APP: 'echo-version',
    'INPUT_GITHUB-TOKEN': 'token',
    INPUT_KUBECONFIG: path.join(temp, 'kubeconfig'),
  }
}
