/**
 * What a scenario plays on: the sample app in a namespace of its own, users, an observer, and the action. Scenarios run
 * side by side, so each has its own stage.
 */
import { expect } from 'vitest'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import type { Deployment, KubeObject, ManagedFieldsEntry, Pod, Service } from '../../../src/shared/objects.ts'
import { describeBreach } from '../../invariants/ledger.ts'
import { remains } from '../../invariants/remains.ts'
import type { RuleName } from '../../invariants/rules.ts'
import { isServing, isTerminating, podsBehind, type Snapshot } from '../../invariants/snapshot.ts'
import type { Load, LoadResult } from '../load.ts'
import type { Observer } from '../observer.ts'
import { ECHO_IMAGE, type EchoOptions, echoDeployment, echoService } from './echo.ts'
import { type ActionResult, type Inputs, type Run, type RunOptions, Workspace } from './runner.ts'
import { type Door, type Manifest, openWorld, ownCluster, type World } from './world.ts'

export const APP = 'echo-version'
const FILE = 'k8s/app.yaml'
const CONFIG = '.github/headgate.yaml'
/**
 * A server that ends as one should: it asks its clients to close, and goes on until none of them can still hold an idle
 * connection. One that closes a kept connection just when the next request is on its way cuts that request off, whoever
 * has ended the pod.
 */
const DRAINS = { 'drain-ms': '4000', 'keepalive-ms': '4000' }
const GRACE_SECONDS = 15
/** Requests per second of each of the two loads. */
const RATE = 50
const LONGEST_LOAD_SECONDS = 300
const ENOUGH_REQUESTS = 1_000

export interface Users {
  fresh: LoadResult
  kept: LoadResult
}

/**
 * One request that left without the rewrite to a pod while kube-proxy changed its rules, about one in 200,000 here: in this
 * network namespace it ends at a link to nowhere. Pods refuse, reset or are silent, and so does a Service without
 * endpoints: none of them answers like this. A second one is no stray any more.
 */
const STRAY = 'EHOSTUNREACH'

function withoutStray(result: LoadResult): LoadResult {
  if (!ownCluster || result.reasons[STRAY] !== 1) return result
  const { [STRAY]: _stray, ...reasons } = result.reasons
  const failures = result.failures.filter(({ reason }) => reason !== STRAY)
  return { ...result, failed: result.failed - 1, reasons, failures }
}

export class Stage {
  readonly world: World
  readonly observer: Observer
  readonly workspace: Workspace
  /** the sample as the test wants it; the version is what scenarios change */
  readonly #options: EchoOptions
  readonly #runs: Run[] = []
  readonly #figures: string[] = []
  #loads: { fresh: Load; kept: Load } | undefined

  constructor(world: World, observer: Observer, options: EchoOptions) {
    this.world = world
    this.observer = observer
    this.workspace = new Workspace(world.kubeconfig)
    this.#options = options
  }

  get replicas(): number {
    return this.#options.replicas ?? 3
  }

  /** Deployment and Service of a version, as the repository has them. */
  app(version: string, more: EchoOptions = {}): Manifest[] {
    const options = { ...this.#options, ...more }
    const container = { lifecycle: { preStop: { sleep: { seconds: 5 } } }, ...options.container }
    const behaviour = { ...DRAINS, ...options.behaviour }
    const podSpec = { terminationGracePeriodSeconds: GRACE_SECONDS, ...options.podSpec }
    return [echoDeployment({ name: APP, ...options, version, container, behaviour, podSpec }), echoService(APP)]
  }

  /** Puts a version into the workspace. */
  checkout(version: string, more: EchoOptions = {}): string {
    return this.workspace.write(FILE, this.app(version, more))
  }

  /** Puts a config file into the workspace, which every run reads. */
  configure(config: object): void {
    this.workspace.writeText(CONFIG, JSON.stringify(config))
  }

  /** Given: a version runs, brought by `kubectl apply` as before Headgate. */
  async runs(version: string, ...applyArgs: string[]): Promise<void> {
    await this.world.kubectl('apply', '-f', this.checkout(version), ...applyArgs)
    await this.serves(version)
  }

  /** Given: a version runs, brought by Headgate itself. */
  async runsByHeadgate(version: string): Promise<void> {
    this.checkout(version)
    const { exitCode, log } = await this.start({}).done
    expect(exitCode, log).toBe(0)
    await this.serves(version)
  }

  /** Every pod that is there serves this version, and the Deployment controller rests. */
  async serves(version: string, timeoutMs = 60_000): Promise<Snapshot> {
    return this.observer.until(
      `${this.replicas} pods of ${version} serve alone`,
      (snapshot) => {
        const pods = appPods(snapshot)
        const serving = pods.filter((pod) => isServing(pod, snapshot.at, 0))
        return (
          pods.length === this.replicas &&
          serving.length === this.replicas &&
          serving.every((pod) => versionOf(pod) === version) &&
          this.observer.endpoints(APP).at(-1)?.ready === this.replicas
        )
      },
      timeoutMs,
    )
  }

  /** Two kinds of users come, to a Service or by the router: one connection for each request, and a few that stay open. */
  async usersCome(door: Door = APP, rate = RATE): Promise<void> {
    const options = { rate, seconds: LONGEST_LOAD_SECONDS }
    const fresh = await this.world.load(door, options)
    const kept = await this.world.load(door, { ...options, keepAlive: true })
    this.#loads = { fresh, kept }
    await this.usersAsk(30)
  }

  get #users(): { fresh: Load; kept: Load } {
    if (this.#loads === undefined) throw new Error('no users have come')
    return this.#loads
  }

  /** So many requests more of each kind. */
  async usersAsk(more: number): Promise<void> {
    const { fresh, kept } = this.#users
    const until = (load: Load): Promise<void> => {
      const enough = load.counts.sent + more
      return load.until(({ sent }) => sent >= enough)
    }
    await Promise.all([until(fresh), until(kept)])
  }

  /** Versions that have answered so far, of either kind of users. */
  get versionsSeen(): string[] {
    const { fresh, kept } = this.#users
    return [...new Set([...Object.keys(fresh.counts.versions), ...Object.keys(kept.counts.versions)])].sort()
  }

  /** Good answers so far by version, of both kinds of users. */
  get answers(): Record<string, number> {
    const { fresh, kept } = this.#users
    const counts: Record<string, number> = { ...fresh.counts.versions }
    for (const [version, answers] of Object.entries(kept.counts.versions))
      counts[version] = (counts[version] ?? 0) + answers
    return counts
  }

  /** One answer of a Service that users do not use. */
  async answerOf(service: string): Promise<string> {
    const { status, text } = await this.world.api.ask('GET', this.world.path('services', `${service}:http/proxy/`))
    return status === 200 ? text : `HTTP ${status}: ${text}`
  }

  /** Then: it is an ordinary Deployment; what people do with it does what it always did. */
  async isPlainAgain(before: string, now: string, name = APP): Promise<void> {
    await this.world.kubectl('rollout', 'undo', `deployment/${name}`)
    await this.world.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s')
    await this.serves(before)
    await this.world.kubectl('apply', '-f', this.checkout(now))
    await this.world.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s')
    await this.serves(now)
  }

  /** The users go, once there were enough of them to tell. */
  async usersLeave(least = ENOUGH_REQUESTS): Promise<Users> {
    const { fresh, kept } = this.#users
    const missing = least - Math.min(fresh.counts.sent, kept.counts.sent)
    if (missing > 0) await this.usersAsk(missing)
    const [freshResult, keptResult] = await Promise.all([fresh.stop(), kept.stop()])
    const failed = freshResult.failed + keptResult.failed
    this.tell(`${freshResult.sent} + ${keptResult.sent} requests, ${failed} failed`)
    if (failed > 0)
      this.tell(`new ones ${JSON.stringify(freshResult.reasons)}, kept ${JSON.stringify(keptResult.reasons)}`)
    return { fresh: freshResult, kept: keptResult }
  }

  /** Then: the users noticed nothing, and no rule was broken but those that are given up. */
  async nobodyNoticed(least = ENOUGH_REQUESTS, givenUp: readonly RuleName[] = []): Promise<Users> {
    const users = await this.usersLeave(least)
    for (const { failed, reasons, failures } of [users.fresh, users.kept].map(withoutStray))
      expect({ failed, reasons, failures }).toEqual({ failed: 0, reasons: {}, failures: [] })
    expect(this.breaches(givenUp)).toEqual([])
    return users
  }

  /** Begins to watch which versions users are led to. */
  shares(): Shares {
    return new Shares(this.observer, this.world.namespace)
  }

  breaches(givenUp: readonly RuleName[] = []): string[] {
    return this.observer.breaches.filter(({ rule }) => !givenUp.includes(rule)).map(describeBreach)
  }

  /** From now on at least so many pods serve, and at most so many are there. */
  guard(maxPods: number, options: { minServing?: number; names?: string[]; services?: string[] } = {}): void {
    const { namespace } = this.world
    const { minServing = this.replicas, names = [APP], services = [APP] } = options
    this.observer.expect({
      workloads: [{ namespace, names, minServing, maxPods }],
      services: services.map((name) => ({ namespace, name, minReady: 1 })),
    })
  }

  start(inputs: Inputs, options: RunOptions = {}): Run {
    const reads = inputs['command'] === undefined || inputs['command'] === 'deploy' || inputs['command'] === 'plan'
    const common = { namespace: this.world.namespace, ...(reads ? { manifests: 'k8s' } : { app: APP }) }
    return this.#keep(this.workspace.action({ ...common, ...inputs }, options))
  }

  async action(inputs: Inputs, options: RunOptions = {}): Promise<ActionResult> {
    const result = await this.start(inputs, options).done
    this.tell(`${inputs['command'] ?? 'deploy'} ${(result.ms / 1_000).toFixed(1)} s`)
    return result
  }

  post(inputs: Inputs, main: ActionResult): Promise<ActionResult> {
    return this.#keep(this.workspace.post({ namespace: this.world.namespace, ...inputs }, main)).done
  }

  cli(args: readonly string[], options: RunOptions = {}): Promise<ActionResult> {
    return this.#keep(this.workspace.cli([...args, '--namespace', this.world.namespace], options)).done
  }

  #keep(run: Run): Run {
    this.#runs.push(run)
    return run
  }

  /** The Deployment as people and other tools see it, without what changes by itself. */
  async trace(name = APP): Promise<Trace> {
    return traceOf(await this.world.deployment(name))
  }

  /** Then: nothing remains but the release's objects, record and payloads. */
  async tidy(withinMs = 5_000): Promise<void> {
    // The end is reported before the last pod object is gone for the observer's stream.
    await this.observer
      .until('nothing is left over', (snapshot) => remains(snapshot, this.world.namespace, APP).length === 0, withinMs)
      .catch(() => {})
    expect(remains(this.observer.snapshot(), this.world.namespace, APP)).toEqual([])
  }

  async record(): Promise<RolloutRecord> {
    const map = await this.world.api.get<KubeObject & { data: { record: string } }>(
      this.world.path('configmaps', `headgate-${APP}`),
    )
    return JSON.parse(map.data.record) as RolloutRecord
  }

  tell(figure: string): void {
    this.#figures.push(figure)
  }

  /** Figures for people, in one line; logs when it went wrong. */
  story(title: string): string {
    return `${title}: ${this.#figures.join(', ')}`
  }

  logs(): string {
    return this.#runs.map((run, index) => `--- run ${index + 1} (${run.runId})\n${run.log}`).join('\n')
  }

  async end(): Promise<void> {
    await this.workspace.remove()
    await this.world.end()
  }
}

export interface Trace {
  spec: Deployment['spec']
  annotations: Record<string, string>
  labels: Record<string, string>
  managers: Omit<ManagedFieldsEntry, 'time'>[]
}

const CONTROLLER = 'kube-controller-manager'

function traceOf({ metadata, spec }: Deployment): Trace {
  const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = metadata.annotations ?? {}
  return {
    spec,
    annotations,
    labels: metadata.labels ?? {},
    managers: (metadata.managedFields ?? [])
      .filter(({ manager }) => manager !== CONTROLLER)
      .map(({ time: _time, ...entry }) => entry),
  }
}

/** Pods of the sample, ended ones left out. */
export function appPods({ pods }: Snapshot): Pod[] {
  return pods.filter((pod) => pod.metadata.labels?.['app'] === APP && !isTerminating(pod))
}

export function versionOf(pod: Pod): string {
  return pod.spec?.containers[0]?.image?.split(':').at(-1) ?? ''
}

/** Pods that serve, by version. */
export function mix(snapshot: Snapshot): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const pod of appPods(snapshot).filter((candidate) => isServing(candidate, snapshot.at, 0)))
    counts[versionOf(pod)] = (counts[versionOf(pod)] ?? 0) + 1
  return counts
}

export function imageOf(version: string): string {
  return `${ECHO_IMAGE}:${version}`
}

export function selectorOf(service: Service): Record<string, string> {
  return service.spec.selector ?? {}
}

/**
 * The greatest share that pods of a version had among those that the Service led users to, for as long as it is watched.
 * A version that is not named counts as one that nobody approved.
 */
export class Shares {
  readonly #most = new Map<string, number>()
  readonly #watching: Promise<unknown>
  #over = false

  constructor(observer: Observer, namespace: string) {
    const look = (snapshot: Snapshot): boolean => {
      const service = snapshot.services.find(
        ({ metadata }) => metadata.name === APP && metadata.namespace === namespace,
      )
      const pods = service === undefined ? [] : podsBehind(snapshot, service)
      const versions = pods.filter((pod) => isServing(pod, snapshot.at, 0)).map(versionOf)
      for (const version of new Set(versions)) {
        const share = versions.filter((each) => each === version).length / versions.length
        this.#most.set(version, Math.max(share, this.#most.get(version) ?? 0))
      }
      return this.#over
    }
    this.#watching = observer.until('the shares are known', look, LONGEST_LOAD_SECONDS * 1_000)
  }

  async end(): Promise<Record<string, number>> {
    this.#over = true
    await this.#watching
    return Object.fromEntries(this.#most)
  }
}

/** Plays a scenario on a new stage; prints its figures, and after a failure everything that the runs have said. */
export async function onStage(
  title: string,
  options: EchoOptions,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const world = await openWorld('stage')
  const stage = new Stage(world, await world.observe(), options)
  try {
    await play(stage)
    console.log(stage.story(title))
  } catch (error) {
    console.log(`FAILED ${stage.story(title)}\n${stage.logs()}\n${stage.breaches().join('\n')}\n${String(error)}`)
    throw error
  } finally {
    await stage.end()
  }
}
