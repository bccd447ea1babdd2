/** One workload, its Services and the model of its controller, driven by a strategy the way the engine does it. */
import { COLOR } from '../../src/strategies/color.ts'
import type { HoldFields } from '../../src/rollout/record.ts'
import type { Deployment, Service } from '../../src/shared/objects.ts'
import type { Move } from '../../src/strategies/move.ts'
import type { Step, Strategy } from '../../src/strategies/step.ts'
import { type Goal, nextMove, stopMove } from '../../src/strategies/strategy.ts'
import type { ServiceView, WorkloadView } from '../../src/strategies/view.ts'
import { FIELDS, NEW, OLD, service, template } from '../unit/strategies/views.ts'
import { Cluster, type Event } from './controller-model.ts'

export interface Setup {
  strategy: Strategy
  replicas: number
  fields?: Partial<HoldFields>
  capacity?: 'keep' | 'replace'
  namesMinReady?: boolean
  services?: number
  /** `adopt`: from a plain Deployment; `colored`: from `web-blue` */
  separate?: 'adopt' | 'colored'
}

/** Most moves and waits that any goal may take. */
const MOST = 600

export class Drive {
  readonly cluster = new Cluster()
  readonly texts: string[] = []
  /** called after every event and every write */
  seen: () => void = () => {}
  pick: (events: Event[]) => Event | undefined = ([first]) => first
  readonly #setup: Setup
  readonly #versions: WorkloadView['versions']
  readonly #names: string[]
  readonly #old: string

  constructor(setup: Setup) {
    this.#setup = setup
    this.#old = setup.separate === 'colored' ? 'web-blue' : 'web'
    const colored = setup.separate === 'colored' ? { [COLOR]: 'blue' } : {}
    const fields = { ...FIELDS, ...setup.fields }
    this.#versions = {
      stable: setup.separate === 'colored' ? template('web:1', colored) : OLD,
      next: setup.separate === undefined ? NEW : template('web:2', { [COLOR]: this.#color }),
      stableFields: fields,
      nextFields: fields,
      stableType: 'RollingUpdate',
      nextType: 'RollingUpdate',
      namesMinReady: setup.namesMinReady ?? false,
    }
    this.#names = Array.from({ length: setup.services ?? 1 }, (_, index) => (index === 0 ? 'web' : `web${index}`))
    this.cluster.create(this.#manifest(this.#old, setup.replicas, false))
    for (const name of this.#names) this.cluster.create(service(name, { app: 'web', ...colored }))
    this.cluster.settle()
    this.cluster.now += 3_600_000
  }

  get #color(): string {
    return this.#setup.separate === 'colored' ? 'green' : 'blue'
  }

  #manifest(name: string, replicas: number, next: boolean): Deployment {
    const { stable, next: fresh, stableFields } = this.#versions
    const { maxSurge, maxUnavailable, ...timing } = stableFields
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'shop' },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        template: next ? fresh : stable,
        ...timing,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      },
    }
  }

  get deployment(): Deployment {
    const live = this.cluster.deployments.get(this.#old)
    if (live === undefined) throw new Error('it was deleted')
    return live
  }

  view(): WorkloadView {
    const { replicas, capacity = 'keep', separate } = this.#setup
    const { cluster } = this
    const fresh = `web-${this.#color}`
    const beside = separate === undefined ? {} : { separate: { ...this.#workload(fresh), ...this.#made(fresh) } }
    return {
      record: {
        namespace: 'shop',
        name: separate === undefined ? this.#old : fresh,
        mode: 'steps',
        replicas,
        pairs: [],
        stableVersion: '1',
        newVersion: '2',
        ...(separate === undefined ? {} : { stableName: this.#old }),
      },
      versions: this.#versions,
      rollout: 1,
      app: 'web',
      capacity,
      now: cluster.now,
      settleMs: 3_000,
      sentence: 'Headgate moves this.',
      ...this.#workload(this.#old),
      ...beside,
      services: this.#names.map((name) => this.#service(name)),
    }
  }

  #made(name: string): { color: string; manifest: Deployment; existed: boolean } {
    return { color: this.#color, manifest: this.#manifest(name, this.#setup.replicas, true), existed: false }
  }

  #workload(name: string): Pick<WorkloadView, 'deployment' | 'replicaSets' | 'pods'> {
    const { cluster } = this
    return {
      deployment: cluster.deployments.get(name),
      replicaSets: cluster.replicaSets(name),
      pods: cluster.pods(name),
    }
  }

  #service(name: string): ServiceView {
    const { cluster } = this
    const selector = this.#setup.separate === 'colored' ? { app: 'web', [COLOR]: 'blue' } : { app: 'web' }
    const own = { ...selector, ...(this.#setup.separate === undefined ? {} : { [COLOR]: this.#color }) }
    const { ports = [] } = service(name, {}).spec
    return {
      record: { namespace: 'shop', name, selector, ports, workload: this.view.name },
      live: cluster.services.get(name),
      desired: service(name, own),
      preview: cluster.services.get(`${name}-preview`),
      changedAt: cluster.touched.get(name) ?? 0,
    }
  }

  move(goal: Goal): Move {
    return nextMove(this.#setup.strategy, this.view(), goal)
  }

  /** Asks and writes once; false when the goal is reached. */
  step(goal: Goal): boolean {
    const move = this.move(goal)
    if (move.kind === 'done') return false
    if (move.kind === 'drift') throw new Error(move.text)
    if (move.kind === 'wait' && move.wakeAt !== undefined) {
      // Seconds are long for a cluster: everything that can happen has happened by then.
      this.rest()
      this.cluster.now = move.wakeAt
    } else if (move.kind === 'wait') {
      if (!this.#happen()) throw new Error(`waits for ever for ${move.text}`)
      this.cluster.now += 1
    } else if (move.kind === 'write') {
      if (!this.cluster.write(move.write)) throw new Error(`changes nothing: ${move.text}`)
      this.texts.push(move.text)
      this.seen()
    }
    return true
  }

  /** A few of the things that may happen now, at least one; false when the cluster is at rest. */
  #happen(): boolean {
    const event = this.pick(this.cluster.events())
    event?.run()
    this.seen()
    if (event === undefined) this.cluster.now += 1_000
    return event !== undefined || this.cluster.events().length > 0 || this.#young()
  }

  /** Some pod is Ready for less time than it takes to be available. */
  #young(): boolean {
    const { pods, separate } = this.view()
    return [...pods, ...(separate?.pods ?? [])].some(({ status }) => {
      const since = Date.parse(status?.conditions?.[0]?.lastTransitionTime ?? '')
      return this.cluster.now - since < 1_000 * (this.#versions.nextFields.minReadySeconds + 5)
    })
  }

  /** Goes on until the goal is reached, with everything at rest at the end. */
  reach(goal: Goal, most = MOST): this {
    for (let count = 0; this.step(goal); count++)
      if (count > most + 10 * this.#setup.replicas) throw new Error(`more than ${most} moves: ${this.texts.join('; ')}`)
    return this
  }

  /** At most `count` moves and waits of a way. */
  some(goal: Goal, count: number): this {
    for (let left = count; left > 0 && this.step(goal); left--);
    return this
  }

  stop(): this {
    const move = stopMove(this.#setup.strategy, this.view())
    if (move?.kind === 'write') {
      this.cluster.write(move.write)
      this.texts.push(move.text)
    }
    return this
  }

  /** Lets the cluster come to rest. */
  rest(): this {
    this.cluster.settle(this.pick, this.seen)
    return this
  }

  take(): string[] {
    return this.texts.splice(0)
  }
}

export function weightGoal(...weights: number[]): Goal {
  const steps: Step[] = weights.map((percent) => ({ kind: 'weight', percent }))
  return { kind: 'step', steps, index: steps.length - 1 }
}

const CHECK_AND_SWITCH: Step[] = [{ kind: 'approve' }, { kind: 'switch' }]
export const PREVIEW: Goal = { kind: 'step', steps: CHECK_AND_SWITCH, index: 0 }
export const SWITCH: Goal = { kind: 'step', steps: CHECK_AND_SWITCH, index: 1 }
export const FINISH: Goal = { kind: 'finish' }
export const BACK: Goal = { kind: 'back' }

export function liveService(drive: Drive, name = 'web'): Service {
  const live = drive.cluster.services.get(name)
  if (live === undefined) throw new Error(`no Service ${name}`)
  return live
}

/** Numbers below `below` from a seed: any order of events, and the same again for the same seed. */
export function numbers(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % Math.max(1, below)
  }
}
