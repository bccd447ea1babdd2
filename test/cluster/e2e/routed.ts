/** A stage whose users come through a router: the ways to lead them there, what share they see, and what a route was. */
import { expect } from 'vitest'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { answersByVersion, type LoadOptions, type LoadResult } from '../load.ts'
import type { EchoOptions } from './echo.ts'
import { httpRoute, ingressRoute, nginxIngress, routeRule, weightedService } from './routes.ts'
import type { Inputs } from './runner.ts'
import { APP, onStage, type Stage } from './stage.ts'
import type { Manifest } from './world.ts'

export const OLD = '0.1.0'
export const NEW = '0.2.0'
/** Points by which a measured share may differ from its weight. */
const NEAR = 2
/** Sent at once after a run has said that it rests. */
const AT_ONCE = 200

export interface Way {
  name: string
  /** objects that lead a host to the app; the first is the one that rollouts move */
  objects: (host: string) => Manifest[]
}

const TO_APP = { [APP]: 1 }
const SHARES = { group: 'traefik.io', kind: 'TraefikService', name: 'shares', port: 80 }
/** What a team has put on its route; a rollout leaves it as it is. */
const THEIRS = { annotations: { 'team.test/owner': 'shop' }, labels: { 'team.test/tier': 'front' } }

/** A rule that has more than a backend, all of which must stay. */
const RULE = routeRule(TO_APP, {
  matches: [{ path: { type: 'PathPrefix', value: '/' } }],
  filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-via', value: 'gateway' }] } }],
})

export const HTTP_ROUTE: Way = { name: 'HTTPRoute', objects: (host) => [httpRoute('web', host, [RULE])] }

export const NGINX: Way = { name: 'Ingress of ingress-nginx', objects: (host) => [nginxIngress('web', host, APP)] }

export const INGRESS_ROUTE: Way = { name: 'IngressRoute', objects: (host) => [ingressRoute('web', host, TO_APP)] }

export const NAMED: Way = {
  name: 'TraefikService named by an IngressRoute',
  objects: (host) => [weightedService('shares', TO_APP), ingressRoute('web', host, 'shares')],
}

export const BEHIND: Way = {
  name: 'TraefikService behind an HTTPRoute',
  objects: (host) => [weightedService('shares', TO_APP), httpRoute('web', host, [{ backendRefs: [SHARES] }])],
}

/** A route as its team sees it, without what changes by itself. */
interface RouteTrace {
  spec: unknown
  annotations: Record<string, string>
  labels: Record<string, string>
  managers: string[]
}

export class Routed {
  readonly stage: Stage
  readonly host: string
  readonly #route: Manifest
  #before: RouteTrace | undefined

  constructor(stage: Stage, way: Way) {
    this.stage = stage
    this.host = stage.world.host()
    const [route, ...others] = way.objects(this.host)
    if (route === undefined) throw new Error(`${way.name} has no objects`)
    const { metadata } = route
    const annotations = { ...metadata.annotations, ...THEIRS.annotations }
    this.#route = { ...route, metadata: { ...metadata, ...THEIRS, annotations } }
    stage.workspace.write('routes.yaml', [this.#route, ...others])
  }

  /** Given: the old version runs, brought by Headgate with these settings of its routes, and a route leads to it. */
  async runs(traffic?: object): Promise<void> {
    if (traffic !== undefined) this.stage.configure({ strategy: 'canary', steps: ['50%'], traffic })
    await this.stage.runsByHeadgate(OLD)
    await this.applyRoutes()
    await this.stage.world.routerSettles()
    this.#before = await this.trace()
  }

  /** As the team does it, from its own files. */
  async applyRoutes(): Promise<void> {
    await this.stage.world.kubectl('apply', '-f', this.stage.workspace.path('routes.yaml'))
  }

  async usersCome(): Promise<void> {
    await this.stage.usersCome({ host: this.host })
    const { replicas } = this.stage
    this.stage.guard(2 * replicas)
  }

  route(): Promise<KubeObject> {
    const { world } = this.stage
    return world.api.get(world.pathOf(this.#route, this.#route.metadata.name))
  }

  async trace(): Promise<RouteTrace> {
    const { metadata, spec } = (await this.route()) as KubeObject & { spec: unknown }
    const managers = (metadata.managedFields ?? []).filter(({ subresource }) => subresource === undefined)
    return {
      spec,
      annotations: metadata.annotations ?? {},
      labels: metadata.labels ?? {},
      managers: managers.map(({ manager = '', operation = '' }) => `${manager} ${operation}`),
    }
  }

  /** Then: the route is what it was before the rollout, to the letter. */
  async isAsBefore(): Promise<void> {
    expect(await this.trace()).toEqual(this.#before)
  }

  /** Asks through the router. */
  async ask(options: Omit<LoadOptions, 'url'> & { path?: string } = {}): Promise<LoadResult> {
    const { path = '/', ...load } = options
    return (await this.stage.world.load({ host: this.host, path }, { rate: 400, ...load })).done
  }

  /** The new version's percent of the answers that users get from now on. */
  async share(count = AT_ONCE): Promise<number> {
    const { stage } = this
    const before = stage.answers
    const result = await this.ask({ count })
    expect(result.reasons).toEqual({})
    const after = stage.answers
    const answers = answersByVersion(result)
    const of = (version: string): number => (answers[version] ?? 0) + (after[version] ?? 0) - (before[version] ?? 0)
    return (100 * of(NEW)) / (of(OLD) + of(NEW))
  }

  /** Then: the weight counts at once, and goes on to. */
  async rests(percent: number): Promise<void> {
    const now = await this.share()
    const later = await this.share(2 * AT_ONCE)
    this.stage.tell(`at ${percent}%: ${now.toFixed(1)}, ${later.toFixed(1)}`)
    expect(Math.abs(now - percent), `${now} at ${percent}%`).toBeLessThanOrEqual(NEAR)
    expect(Math.abs(later - percent), `${later} at ${percent}%`).toBeLessThanOrEqual(NEAR)
  }

  /** When the next version is deployed, it rests at the first step. */
  async deploys(steps: string, more: EchoOptions = {}, inputs: Inputs = {}): Promise<void> {
    this.stage.checkout(NEW, more)
    const deployed = await this.stage.action({ strategy: 'canary', steps, ...inputs })
    expect(deployed, deployed.log).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
  }

  async promotes(outcome: 'paused' | 'succeeded' = 'paused'): Promise<void> {
    const promoted = await this.stage.action({ command: 'promote' })
    expect(promoted, promoted.log).toMatchObject({ exitCode: 0, outputs: { outcome } })
  }

  async aborts(): Promise<void> {
    const aborted = await this.stage.action({ command: 'abort' })
    expect(aborted, aborted.log).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
  }

  /** Then: one version serves, the route is as before, and nothing else is left. */
  async endedWith(version: string): Promise<void> {
    await this.stage.serves(version, 20_000)
    await this.isAsBefore()
    await this.stage.tidy()
  }
}

/** Plays a scenario whose users come by a way. */
export function onRoute(
  title: string,
  way: Way,
  play: (routed: Routed, stage: Stage) => Promise<void>,
  options: EchoOptions = {},
): Promise<void> {
  return onStage(`${way.name}, ${title}`, options, (stage) => play(new Routed(stage, way), stage))
}
