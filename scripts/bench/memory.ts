/** The most memory that one run ever had (VmHWM), as the kernel counts it for the child alone. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Deployment } from '../../src/shared/objects.ts'
import { RealClock } from '../../test/emulator/clock.ts'
import { Emulator } from '../../test/emulator/emulator.ts'
import { manifestsOf } from '../../test/scenarios/world.ts'
import type { Figure, Skipped } from './table.ts'

const READY_WITHIN_MS = 60_000

export async function measureMemory(root: string): Promise<(Figure | Skipped)[]> {
  if (process.platform !== 'linux') return [{ name: 'memory', why: 'only Linux tells it' }]
  return [
    { budget: 'memoryMB', name: 'memory of a canary deploy, 3 pods', value: await highWater(root, 3), unit: ' MB' },
    {
      budget: 'memory1000MB',
      name: 'memory with 1,000 pods watched',
      value: await highWater(root, 1_000),
      unit: ' MB',
    },
  ]
}

async function highWater(root: string, replicas: number): Promise<number> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'))
  const emulator = new Emulator({ clock: new RealClock(), requestDelay: [0, 0] })
  const server = await emulator.listen()
  try {
    writeFileSync(path.join(temp, 'kubeconfig'), server.kubeconfig)
    for (const object of manifestsOf({ version: '0.1.0', replicas })) {
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(object) }
      const metadata = { ...object.metadata, namespace: 'default', annotations }
      emulator.create({ ...object, metadata }, 'kubectl-client-side-apply')
    }
    await available(emulator, replicas)
    const items = manifestsOf({ version: '0.2.0', replicas })
    writeFileSync(path.join(temp, 'app.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    return await watched(path.join(root, 'dist', 'cli.js'), temp)
  } finally {
    await server.close()
    rmSync(temp, { recursive: true, force: true })
  }
}

async function available(emulator: Emulator, replicas: number): Promise<void> {
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await new Promise((next) => setTimeout(next, 50))) {
    const app = emulator.get('deployments', 'default', 'echo-version') as Deployment | undefined
    if (app?.status?.availableReplicas === replicas) return
  }
  throw new Error(`${replicas} pods did not come up in the embedded cluster`)
}

/** Runs a canary to its pause and reads the mark while the process lives: after its end nobody knows it. */
function watched(cli: string, temp: string): Promise<number> {
  const args = [cli, 'deploy', '--manifests', 'app.json', '--strategy', 'canary', '--steps', '1%, wait 1s, approve']
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: temp,
    KUBECONFIG: path.join(temp, 'kubeconfig'),
    RUNNER_TEMP: temp,
  }
  const child = spawn(process.execPath, args, { cwd: temp, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  let most = 0
  const look = (): void => {
    try {
      const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8')) ?? []
      most = Math.max(most, Number(kilobytes ?? 0))
    } catch {
      // It has ended.
    }
  }
  const timer = setInterval(look, 10)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearInterval(timer)
      if (code === 3) resolve(most / 1_024)
      else reject(new Error(`the run ended with ${code} instead of a pause:\n${said}`))
    })
  })
}
