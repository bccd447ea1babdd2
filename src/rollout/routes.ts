import { type KubeObject, keyOf, nameOf, type ObjectRef, refOf } from '../shared/objects.ts'
import { done, type Move, wait } from '../strategies/move.ts'
import type { Asked } from '../strategies/route-writes.ts'
import { routeDrifts, routeMove } from '../strategies/routes.ts'
import { shareAt } from '../strategies/strategy.ts'
import type { Routing } from '../strategies/view.ts'
import type { EngineOptions } from './engine.ts'
import { RouteClock, routeObjects, routingOf, type Traffic, trafficOf } from './routing.ts'

/** The routes of one rollout, as an engine sees and moves them. */
export class Routes {
  readonly #o: Pick<EngineOptions, 'book' | 'world' | 'clock' | 'rested'>
  readonly #clock: RouteClock

  /** @param startedAt ms since 1970 when the run began */
  constructor(options: EngineOptions, startedAt: number) {
    this.#o = options
    this.#clock = new RouteClock(options.rested ? 0 : startedAt)
    // Nobody knows when a foreign write came: some proxy may not have it yet.
    if (this.#drifts().length > 0) this.#clock = new RouteClock(startedAt)
  }

  /** What is kept of older versions is known only when the finish begins. */
  get #traffic(): Traffic | undefined {
    const { record, payload } = this.#o.book
    return trafficOf(record, payload)
  }

  /** As they are now; undefined where the share is one of pods. */
  routing(): Routing | undefined {
    const { book, world, clock } = this.#o
    const traffic = this.#traffic
    return traffic === undefined ? undefined : routingOf(traffic, book.record, world, this.#clock, clock.now())
  }

  /** The routes, and what was made for the rollout, as they are live. */
  get live(): KubeObject[] {
    const all = this.#traffic === undefined ? [] : routeObjects(this.#traffic)
    return all.flatMap((object) => this.#o.world.object(refOf(object)) ?? [])
  }

  /** `Kind/name` of routes that were there before the rollout and are not now. */
  get gone(): string[] {
    const before = this.#traffic?.before ?? new Map<string, KubeObject>()
    return [...before.values()]
      .map(refOf)
      .flatMap((ref) => (this.#o.world.object(ref) === undefined ? [nameOf(ref)] : []))
  }

  /** A route as it was before the rollout; undefined for what was made for it. */
  before(key: string): KubeObject | undefined {
    return this.#traffic?.before.get(key)
  }

  /** Moves of workloads, with those of the routes: when every workload is ready, since one route may lead to several. */
  moved(moves: Move[]): Move[] {
    const asked = moves.find((move) => move.kind === 'route')
    const routing = this.routing()
    if (asked === undefined || routing === undefined) return moves
    const ready = moves.every(({ kind }) => kind === 'route' || kind === 'done')
    const move = ready ? (routeMove(this.#asked(routing), asked.to) ?? done) : wait('the other workloads')
    return moves.map((each) => (each === asked ? move : each.kind === 'route' ? done : each))
  }

  #asked(routing: Routing): Asked {
    const { book, clock } = this.#o
    const { rollout, app } = book.record
    return { routing, rollout, app, sentence: book.sentence(), now: clock.now() }
  }

  /** A foreign write to the routes while the rollout rests; where such are written over only a route that is gone. */
  drift(): Move | undefined {
    const drifts = this.#drifts()
    if (this.routing()?.onDrift === 'stop') return drifts[0]
    const isRoute = (ref: ObjectRef): boolean => this.before(keyOf(ref)) !== undefined
    return drifts.find(({ object }) => isRoute(object) && this.#o.world.object(object) === undefined)
  }

  #drifts(): (Move & { kind: 'drift' })[] {
    const { record } = this.#o.book
    const routing = this.routing()
    const share = shareAt(record.plan, Math.min(record.step, record.plan.length - 1))
    return routing?.begun !== true || share === undefined ? [] : routeDrifts(this.#asked(routing), share)
  }
}
