/** Everything that is outside of Headgate: a cluster in which the old version runs, GitHub, a checked-out repository. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseManifest } from '../../src/manifests/parse.ts'
import type { Deployment } from '../../src/shared/objects.ts'
import { RealClock } from '../../test/emulator/clock.ts'
import { Emulator } from '../../test/emulator/emulator.ts'
import { type FakeGitHub, startGitHub } from '../../test/github/server.ts'

export interface DemoWorld {
  emulator: Emulator
  github: FakeGitHub
  /** the repository as a job has it after actions/checkout */
  workspace: string
  temp: string
  kubeconfig: string
  serviceUrl: string
  close: () => Promise<void>
}

const IMAGE = 'gihyodocker/echo-version'
const READY_WITHIN_MS = 15_000

export async function openWorld(root: string): Promise<DemoWorld> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-demo-'))
  const emulator = new Emulator({ clock: new RealClock(), realPods: true })
  emulator.setBehaviour(`${IMAGE}:0.3.0`, {
    crashAfterMs: 400,
    exitCode: 1,
    http: () => ({ status: 503, body: 'starting\n' }),
    logs: ['version 0.3.0 starting', 'reading /etc/echo/config.toml'],
    lastWords: ['panic: config.toml: unknown key "colour"'],
  })
  const cluster = await emulator.listen()
  const github = await startGitHub({ pulls: [42] })
  const workspace = path.join(temp, 'repository')
  mkdirSync(path.join(workspace, 'k8s'), { recursive: true })
  cpSync(path.join(root, 'examples', 'k8s'), path.join(workspace, 'k8s'), { recursive: true })
  const kubeconfig = path.join(temp, 'kubeconfig')
  writeFileSync(kubeconfig, cluster.kubeconfig)
  await install(emulator, path.join(workspace, 'k8s', 'echo-version.yaml'))
  return {
    emulator,
    github,
    workspace,
    temp,
    kubeconfig,
    serviceUrl: emulator.serviceUrl('default', 'echo-version') ?? '',
    close: async () => {
      await Promise.all([cluster.close(), github.close()])
      rmSync(temp, { recursive: true, force: true })
    },
  }
}

/** What somebody put there with `kubectl apply` long ago: the app runs before Headgate ever sees it. */
async function install(emulator: Emulator, file: string): Promise<void> {
  for (const { object } of parseManifest(readFileSync(file, 'utf8'), file)) {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(object)}\n` }
    const metadata = { namespace: 'default', ...object.metadata, annotations }
    emulator.create({ ...object, metadata }, 'kubectl-client-side-apply')
  }
  const ready = (): boolean => {
    const app = emulator.get('deployments', 'default', 'echo-version') as Deployment | undefined
    return app !== undefined && app.status?.availableReplicas === app.spec.replicas
  }
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await new Promise((next) => setTimeout(next, 20)))
    if (ready()) return
  throw new Error('the sample app did not become ready in the embedded cluster')
}
