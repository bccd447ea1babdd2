import type { FetchUrl, RunCommand } from '../checks/asker.ts'
import type { OwnRequests } from '../checks/own-requests.ts'
import type { Client } from '../kubernetes/client.ts'
import type { LeaseHolder } from '../kubernetes/lease.ts'
import type { Reporter } from '../report/events.ts'
import type { Clock } from '../shared/clock.ts'
import { HeadgateError } from '../shared/errors.ts'
import { type KubeObject, keyOf, nameOf, refOf, type Service } from '../shared/objects.ts'
import { SENTENCE } from '../strategies/annotations.ts'
import { COLOR } from '../strategies/color.ts'
import { MOVER } from '../strategies/hold.ts'
import type { Move, Write } from '../strategies/move.ts'
import { canaryName } from '../strategies/services.ts'
import { type Goal, nextMove } from '../strategies/strategy.ts'
import { type SeparateView, type ServiceView, sideOf, type WorkloadView } from '../strategies/view.ts'
import type { Book } from './book.ts'
import { movedImage } from './images.ts'
import type { Interruption } from './interrupt.ts'
import { Judge } from './judge.ts'
import type { WorkloadRecord } from './record.ts'
import { Routes } from './routes.ts'
import { Stops, WAITING } from './stops.ts'
import { CONTROLLER, Teller } from './teller.ts'
import type { Wake } from './wake.ts'
import type { World } from './world.ts'
import { Writer } from './writer.ts'

export interface EngineOptions {
  client: Client
  clock: Clock
  reporter: Reporter
  lease: LeaseHolder
  world: World
  wake: Wake
  book: Book
  /** cancel of the run */
  cancel: AbortSignal
  /** ms that a Service change needs to reach every proxy */
  settleMs: number
  /** what this run asked of the app itself */
  own: OwnRequests
  /** asks a URL outside of the cluster; no redirect to another host, at most 1 MB */
  fetchUrl: FetchUrl
  /** a process on the runner */
  runCommand: RunCommand
  /** puts environment variables in for `${NAME}`; throws `refused` for one that is not set */
  expand: (text: string) => string
  /** applies an object of the release by server-side apply */
  apply: (object: KubeObject, live: KubeObject | undefined) => Promise<KubeObject>
  /** the rollout rested when this run began, so nothing is left to settle */
  rested: boolean
}

/**
 * Asks the strategy for the next move of each workload, makes it, and asks again from what it sees then. It keeps nothing
 * that a new run would miss: everything is derived from record and cluster.
 */
export class Engine {
  readonly o: EngineOptions
  readonly #startedAt: number
  readonly #judge: Judge
  readonly #teller: Teller
  /** the routes that lead to the Services; a canary through a router alone has any */
  readonly routes: Routes
  readonly stops: Stops
  /** ms since 1970 when the share of the new version last changed, as far as this run knows; infinite while it changes */
  shareSince: number
  /** ids of pods that a check has seen ready */
  readonly readySeen = new Set<string>()
  readonly #writer: Writer

  constructor(options: EngineOptions) {
    this.o = options
    this.#startedAt = options.clock.now()
    this.stops = new Stops(options)
    this.shareSince = this.#startedAt
    this.#judge = new Judge(this, this.#startedAt)
    this.routes = new Routes(options, this.#startedAt)
    this.#teller = new Teller(this)
    this.#writer = new Writer(options)
  }

  get now(): number {
    return this.o.clock.now()
  }

  view(workload: WorkloadRecord): WorkloadView {
    const { book, world, settleMs } = this.o
    const { record, payload } = book
    const versions = payload.versions[`${workload.namespace}/${workload.name}`]
    if (versions === undefined) throw new Error(`no versions of ${workload.name} in the payload`)
    const { namespace, stableName } = workload
    const separate = this.#separate(workload)
    const services = this.#services(workload)
    const routing = services.some(({ canary }) => canary !== undefined) ? this.routes.routing() : undefined
    return {
      record: workload,
      versions,
      rollout: record.rollout,
      app: record.app,
      ...world.workload({ namespace, name: stableName ?? workload.name }),
      ...(separate === undefined ? {} : { separate }),
      services,
      ...(routing === undefined ? {} : { routing }),
      now: this.now,
      settleMs: Math.max(settleMs, routing?.settleMs ?? 0),
      capacity: record.capacity,
      sentence: book.sentence(),
    }
  }

  #separate(workload: WorkloadRecord): SeparateView | undefined {
    const { name, namespace, stableName } = workload
    if (stableName === undefined) return undefined
    const key = keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })
    const manifest = this.o.book.object(key)
    if (manifest === undefined) throw new Error(`Deployment/${name} is not in the release`)
    const color = manifest.metadata.labels?.[COLOR] ?? ''
    const existed = this.o.book.payload.before[key] !== undefined
    return { ...this.o.world.workload(workload), color, manifest, existed }
  }

  #services(workload: WorkloadRecord): ServiceView[] {
    const { world, book, rested } = this.o
    const routed = book.record.traffic?.services ?? []
    return book.record.services
      .filter((service) => service.workload === workload.name && service.namespace === workload.namespace)
      .map((record) => {
        const key = keyOf({ apiVersion: 'v1', kind: 'Service', name: record.name, namespace: record.namespace })
        const canary = canaryName(record.name)
        const ready = world.readyEndpoints(record.namespace, canary)
        return {
          ...(routed.includes(`${record.namespace}/${record.name}`)
            ? { canary: { live: world.service(record.namespace, canary), ready } }
            : {}),
          record,
          live: world.service(record.namespace, record.name),
          desired: book.object(key) as Service | undefined,
          preview: world.service(record.namespace, `${record.name}-preview`),
          changedAt: world.changedAt.get(key) ?? (rested ? 0 : this.#startedAt),
        }
      })
  }

  /** Workloads that go through the steps. */
  get workloads(): WorkloadRecord[] {
    return this.o.book.record.workloads.filter((workload) => workload.mode === 'steps')
  }

  /**
   * Writes this run's mark on everything that the run before may still be about to write, so that a late write of a
   * frozen predecessor meets another resourceVersion.
   */
  async mark(): Promise<void> {
    const by = `${this.o.book.sentence()} Taken over by ${this.o.lease.holder} at ${new Date(this.now).toISOString()}.`
    for (const workload of this.workloads) {
      const view = this.view(workload)
      const { deployment, services, separate } = view
      // In place, blue/green and a canary through a router write to the old ReplicaSet as well.
      const guards = this.o.book.record.strategy === 'blue-green' || view.routing !== undefined
      const replicaSet = guards ? sideOf(view, 'stable').replicaSet : undefined
      for (const object of [
        deployment,
        separate?.deployment,
        separate === undefined ? replicaSet : undefined,
        ...services.flatMap(({ live, canary }) => [live, canary?.live]),
      ])
        await this.#markOne(object, by)
    }
    for (const route of this.routes.live) await this.#markOne(route, by)
  }

  async #markOne(object: KubeObject | undefined, by: string): Promise<void> {
    if (object === undefined) return
    const body = { metadata: { annotations: { [SENTENCE]: by } } }
    const marked = await this.o.client.patch(refOf(object), { type: 'merge', body }, { fieldManager: MOVER })
    this.o.world.put(marked)
  }

  /**
   * Moves all workloads until the goal is reached.
   * @param limitMs how long a wait may last, from now or from when it can end at the earliest
   * @param end ms since 1970 after which nothing is waited for, whatever the limit says
   * Throws HeadgateError: a release that is called bad, drift, or a timeout; Interrupted: see checkpoint.
   */
  async reach(
    goal: Goal,
    limitMs: number,
    obey?: Interruption['kind'][],
    end = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    let deadline = Math.min(end, this.now + limitMs)
    for (;;) {
      this.stops.checkpoint(obey)
      const moves = this.routes
        .moved(this.workloads.map((workload) => this.#next(workload, goal)))
        .map((move) => this.#possible(move))
      if (await this.#sendAll(moves)) continue
      this.#teller.mix()
      const waits = this.#waits(moves)
      const diagnosis = goal.kind === 'back' ? this.#judge.look('stable') : await this.#judge.examine('next')
      // Also where all pods are ready at this instant: one that has crashed twice on the way here is no good pod.
      if (goal.kind !== 'back' && diagnosis.fatal !== undefined)
        throw await this.#judge.bad(diagnosis.fatal, diagnosis.symptoms)
      const moved = goal.kind === 'back' ? undefined : movedImage(this)
      if (moved !== undefined) throw new HeadgateError(moved)
      if (waits.length === 0) return
      deadline = Math.min(end, Math.max(deadline, ...waits.map((move) => (move.wakeAt ?? 0) + limitMs)))
      const vain = waits.find((move) => this.now >= (move.giveUpAt ?? Number.POSITIVE_INFINITY))
      if (vain !== undefined) throw await this.#judge.inVain(vain.text, diagnosis)
      if (this.now >= deadline) throw await this.#judge.timeout(waits[0]?.text ?? '', limitMs, diagnosis)
      this.#teller.waiting(
        waits.map((move) => move.text),
        diagnosis,
      )
      const wakeBy = Math.min(deadline, ...waits.map((move) => move.giveUpAt ?? deadline))
      await this.stops.sleep(this.#judge.wakeAt(wakeBy, waits, diagnosis))
    }
  }

  /** Watches for a time: a goal that no longer holds, or a pod that fails, ends it at once. */
  async watchFor(goal: Goal, ms: number): Promise<void> {
    const end = this.now + ms
    while (this.now < end) {
      await this.reach(goal, this.o.book.record.timeoutMs, WAITING)
      const diagnosis = await this.#judge.examine('next')
      if (diagnosis.fatal !== undefined) throw await this.#judge.bad(diagnosis.fatal, diagnosis.symptoms)
      if (this.now >= end) return
      this.#teller.waiting(['the wait to end'], diagnosis)
      await this.stops.sleep(this.#judge.wakeAt(end, [], diagnosis))
    }
  }

  #next(workload: WorkloadRecord, goal: Goal): Move {
    return this.#possible(nextMove(this.o.book.record.strategy, this.view(workload), goal))
  }

  /** The move, unless it says that the rollout cannot go on. */
  #possible(move: Move): Move {
    const { rollout } = this.o.book.record
    if (move.kind === 'refused') {
      const { code, text: message, object, next } = move
      throw new HeadgateError({ kind: 'failed', code, message, object, next })
    }
    if (move.kind !== 'drift') return move
    throw new HeadgateError({
      kind: 'failed',
      code: 'drift',
      message: `${nameOf(move.object)} is no longer what rollout ${rollout} made of it: ${move.text}`,
      object: move.object,
      next: `find who wrote it, stop that, and deploy again`,
    })
  }

  /** Where there are several workloads a wait says whose it is. */
  #waits(moves: Move[]): (Move & { kind: 'wait' })[] {
    const { workloads } = this
    return moves.flatMap((move, at) => {
      if (move.kind !== 'wait') return []
      const plain = workloads.length < 2 || move.text === CONTROLLER
      return [plain ? move : { ...move, text: `Deployment/${workloads[at]?.name ?? ''}: ${move.text}` }]
    })
  }

  async #sendAll(moves: Move[]): Promise<boolean> {
    let sent = false
    for (const move of moves) {
      if (move.kind !== 'write') continue
      await this.send(move.write, move.text)
      sent = true
    }
    return sent
  }

  /** One write, unless the lease is lost; see {@link Writer}. */
  async send(write: Write, text: string): Promise<void> {
    this.stops.checkpoint(['lost'])
    await this.#writer.send(write, text)
  }
}
