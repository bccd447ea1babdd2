import { warmUpOf } from '../../src/input/checks.ts'
import type { FetchUrl, RunCommand } from '../../src/checks/asker.ts'
import { runCommand } from '../../src/commands/run.ts'
import { Client } from '../../src/kubernetes/client.ts'
import type { Transport } from '../../src/kubernetes/transport.ts'
import { parseSteps } from '../../src/input/steps.ts'
import type { ReportEvent, Result } from '../../src/report/events.ts'
import { decodeRecord } from '../../src/rollout/codec.ts'
import type { OnGitHub } from '../../src/rollout/deps.ts'
import type { RolloutRecord } from '../../src/rollout/record.ts'
import type { Command, RunSource, Settings } from '../../src/rollout/settings.ts'
import type { ConfigMap, Deployment, KubeObject, Lease, Pod, ReplicaSet, Service } from '../../src/shared/objects.ts'
import { DEFAULT_STEPS, type Strategy } from '../../src/strategies/step.ts'
import { VirtualClock } from '../emulator/clock.ts'
import { Emulator, type EmulatorOptions } from '../emulator/emulator.ts'
import { describeBreach, Ledger } from '../invariants/ledger.ts'
import { type Expectations, violations } from '../invariants/rules.ts'
import type { EndpointSlice, Snapshot } from '../invariants/snapshot.ts'

export const NAMESPACE = 'shop'
export const APP = 'echo-version'

export interface AppOptions {
  version: string
  replicas?: number
  /** more of the Deployment's spec */
  spec?: Partial<Deployment['spec']>
  /** more manifests */
  more?: KubeObject[]
  minReadySeconds?: number
}

/** The sample app as its manifests say: preStop sleep, graceful end, a readiness probe. */
export function manifestsOf({ version, replicas = 3, spec = {}, more = [] }: AppOptions): KubeObject[] {
  const labels = { app: APP }
  const container = {
    name: 'app',
    image: `gihyodocker/echo-version:${version}`,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: APP },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: APP },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
        ...spec,
      },
    },
    ...more,
  ]
}

export interface RunOptions extends Partial<Omit<Settings, 'steps' | 'command'>> {
  /** step language; the strategy's default when absent */
  plan?: string
  objects?: KubeObject[]
  source?: Partial<RunSource>
  /** ends the process when it returns true for a write, before or after the server saw it */
  cut?: { after: number; when: 'before' | 'after' }
  cancel?: AbortSignal
  /** hears each event of the run as it comes */
  onEvent?: (event: ReportEvent) => void
  /** what lies between this run and the server */
  between?: (inner: Transport) => Transport
  /** puts environment variables in for `${NAME}` */
  expand?: (text: string) => string
  /** addresses outside of the cluster */
  fetchUrl?: FetchUrl
  /** what the run's reporters know of GitHub */
  onGitHub?: () => OnGitHub
  /** who approved this run's job */
  approvers?: string[]
  /** processes on the runner */
  runProcess?: RunCommand
}

export interface Ran {
  /** undefined when the run was cut off */
  result: Result | undefined
  events: ReportEvent[]
  /** writes that the server saw from this run, in order */
  writes: string[]
}

/** Given a cluster with virtual time, When commands run, Then the cluster is looked at. */
export class World {
  readonly clock = new VirtualClock()
  readonly emulator: Emulator
  readonly ledger = new Ledger()
  #expectations: Expectations = { workloads: [], services: [] }
  #run = 0

  constructor(options: Partial<EmulatorOptions> = {}) {
    this.emulator = new Emulator({ clock: this.clock, ...options })
    this.emulator.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    this.emulator.observe(() => this.#look())
  }

  /** A running app, as `kubectl apply` of its manifests would have left it. */
  async given(app: AppOptions): Promise<void> {
    for (const object of manifestsOf(app)) this.kubectlApply(object)
    await this.clock.advance(20_000)
  }

  /** Client-side apply: the whole object, its owner, and the annotation that kubectl keeps. */
  kubectlApply(object: KubeObject): void {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(object) }
    const metadata = { ...object.metadata, namespace: NAMESPACE, annotations }
    this.emulator.put({ ...object, metadata }, 'kubectl-client-side-apply')
  }

  /** From now on every change of the cluster is judged. */
  expect(expectations: Expectations): void {
    this.#expectations = expectations
  }

  get breaches(): string[] {
    return this.ledger.breaches.map((breach) => describeBreach(breach))
  }

  #look(): void {
    const { workloads, services } = this.#expectations
    if (workloads.length + services.length === 0) return
    const snapshot = this.snapshot()
    this.ledger.note(snapshot.at, violations(snapshot, this.#expectations))
  }

  snapshot(): Snapshot {
    const list = <T extends KubeObject>(kind: string): T[] => this.emulator.list(kind) as T[]
    return {
      at: this.clock.now(),
      deployments: list<Deployment>('deployments'),
      replicaSets: list<ReplicaSet>('replicasets'),
      pods: list<Pod>('pods'),
      services: list<Service>('services'),
      endpointSlices: list<EndpointSlice>('endpointslices'),
      configMaps: list<ConfigMap>('configmaps'),
      leases: list<Lease>('leases'),
    }
  }

  /** One command by a run of its own, on virtual time. A run that is cut off never hears from the server again. */
  async run(command: Command, options: RunOptions = {}): Promise<Ran> {
    return this.clock.run(this.start(command, options))
  }

  /** The same, not awaited: for two runs at once. */
  async start(command: Command, options: RunOptions = {}): Promise<Ran> {
    const {
      plan,
      objects,
      source,
      cut,
      cancel,
      between,
      expand,
      fetchUrl,
      runProcess,
      onEvent,
      approvers,
      onGitHub,
      ...settings
    } = options
    const events: ReportEvent[] = []
    const writes: string[] = []
    const died = Promise.withResolvers<undefined>()
    const mortal = this.#mortal(writes, cut, () => died.resolve(undefined))
    const transport = between === undefined ? mortal : between(mortal)
    const strategy: Strategy = settings.strategy ?? 'rolling'
    const id = `run-${++this.#run}`
    const result = await Promise.race([
      died.promise,
      runCommand({
        settings: { ...defaults(command, strategy, plan), ...settings },
        source: { ...SOURCE, runId: String(100 + this.#run), ...source },
        client: new Client(transport, this.clock),
        connection: { namespace: NAMESPACE, clusterName: 'emulator', contextName: 'emulator' },
        clock: this.clock,
        reporter: {
          emit: (event) => {
            events.push(event)
            onEvent?.(event)
          },
        },
        cancel: cancel ?? new AbortController().signal,
        identity: id,
        readManifests: () =>
          Promise.resolve([
            { file: 'app.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects ?? [] }) },
          ]),
        expand: expand ?? ((text) => text),
        fetchUrl: fetchUrl ?? (() => Promise.reject(new Error('no network in a scenario'))),
        runCommand: runProcess ?? (() => Promise.reject(new Error('no processes in a scenario'))),
        settleMs: 3_000,
        onGitHub: onGitHub ?? (() => ({})),
        pullRequest: () => Promise.resolve(undefined),
        approvers: () => Promise.resolve(approvers ?? []),
      }),
    ])
    return { result, events, writes }
  }

  #mortal(writes: string[], cut: RunOptions['cut'], die: () => void): Transport {
    const inner = this.emulator.transport()
    let dead = false
    const forever = new Promise<never>(() => {})
    return async (request) => {
      if (dead) return forever
      const write = request.method !== 'GET' && !/selfsubject|dryRun=All/.test(request.path)
      if (!write) {
        const answer = await inner(request)
        return dead ? forever : answer
      }
      writes.push(`${request.method} ${request.path.split('?')[0] ?? ''}`)
      const last = cut !== undefined && writes.length === cut.after
      if (last && cut.when === 'before') {
        dead = true
        die()
        return forever
      }
      const answer = await inner(request)
      if (last) {
        dead = true
        die()
      }
      return dead ? forever : answer
    }
  }

  get record(): RolloutRecord | undefined {
    const map: ConfigMap | undefined = this.emulator.get('configmaps', NAMESPACE, `headgate-${APP}`)
    return map === undefined ? undefined : decodeRecord(map)
  }

  deployment(name = APP): Deployment {
    const found = this.emulator.get('deployments', NAMESPACE, name)
    if (found === undefined) throw new Error(`no Deployment ${name}`)
    return found as Deployment
  }

  service(name = APP): Service | undefined {
    return this.emulator.get('services', NAMESPACE, name) as Service | undefined
  }

  /** Ready pods by image tag. */
  serving(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const pod of this.emulator.list('pods', NAMESPACE) as Pod[]) {
      const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
      if (!ready || pod.metadata.deletionTimestamp !== undefined) continue
      const tag = pod.spec.containers[0]?.image?.split(':')[1] ?? ''
      counts[tag] = (counts[tag] ?? 0) + 1
    }
    return counts
  }
}

export const SOURCE: RunSource = {
  repository: 'octo/shop',
  sha: '0123456789abcdef0123456789abcdef01234567',
  ref: 'main',
  runId: '1',
  attempt: 1,
  runNumber: 1,
  runUrl: 'https://github.test/octo/shop/actions/runs/1',
  actor: 'octocat',
  workflow: 'deploy.yml',
  serverUrl: 'https://github.test',
}

function defaults(command: Command, strategy: Strategy, plan: string | undefined): Settings {
  return {
    command,
    full: false,
    gates: 'readiness',
    strategy,
    steps: plan === undefined ? [...DEFAULT_STEPS[strategy]] : parseSteps(plan, strategy),
    pods: 'in-place',
    capacity: 'keep',
    manifests: [],
    images: [],
    workloads: {},
    checks: {},
    warmUp: warmUpOf(),
    traffic: { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] },
    accept: [],
    takeOver: [],
    timeoutMs: 60_000,
    onFailure: 'abort',
    onCancel: 'stop',
    onFailedJob: 'stop',
    supersede: 'newer',
    prune: false,
    comment: 'never',
    namespace: NAMESPACE,
    app: APP,
  }
}
