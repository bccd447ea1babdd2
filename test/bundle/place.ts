import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type Inputs, type RunOptions, Workspace } from '../cluster/e2e/runner.ts'
import type { Manifest } from '../cluster/e2e/world.ts'
import { RealClock } from '../emulator/clock.ts'
import { Emulator } from '../emulator/emulator.ts'
import { type FakeGitHub, type StartOptions, startGitHub } from '../github/server.ts'

const REPOSITORY = 'shop/echo-version'
export const PULL_REQUEST = 12

export function manifests(version: string): Manifest[] {
  const labels = { app: 'echo-version' }
  const container = {
    name: 'app',
    image: `gihyodocker/echo-version:${version}`,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  }
  const template = { metadata: { labels }, spec: { containers: [container] } }
  const metadata = { name: 'echo-version' }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 3, selector: { matchLabels: labels }, template },
    },
  ]
}

/** A cluster over HTTP and a GitHub stand-in, as the bundled action meets them. */
export class Place {
  emulator!: Emulator
  github!: FakeGitHub
  workspace!: Workspace
  #close: () => Promise<void> = () => Promise.resolve()

  async open(github: StartOptions = {}): Promise<void> {
    this.emulator = new Emulator({ clock: new RealClock(), requestDelay: [0, 0] })
    const server = await this.emulator.listen()
    this.github = await startGitHub({
      repository: REPOSITORY,
      token: 'gh-token',
      pulls: [PULL_REQUEST],
      ...github,
    })
    const kubeconfig = new Workspace('').path('kubeconfig')
    writeFileSync(kubeconfig, server.kubeconfig)
    this.workspace = new Workspace(kubeconfig)
    this.#close = () => server.close()
  }

  async close(): Promise<void> {
    await this.workspace.remove()
    await this.github.close()
    await this.#close()
  }

  /** From a pull request, with a token. */
  get options(): RunOptions {
    return { event: { pull_request: { number: PULL_REQUEST } }, env: { GITHUB_API_URL: this.github.url } }
  }

  deploy(namespace: string, version: string, inputs: Inputs = {}, env: Record<string, string> = {}) {
    this.workspace.write(`${namespace}/app.yaml`, manifests(version))
    const all = { command: 'deploy', namespace, manifests: namespace, 'github-token': 'gh-token', ...inputs }
    return this.workspace.action(all, { ...this.options, env: { ...this.options.env, ...env } })
  }

  async given(namespace: string): Promise<void> {
    this.emulator.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const { exitCode, log } = await this.deploy(namespace, '0.1.0', { comment: 'never' }).done
    expect(exitCode, log).toBe(0)
  }

  get comment(): string {
    return this.github.comments(PULL_REQUEST).at(-1)?.body ?? ''
  }
}
