import { BUCKETS } from '../routers/patterns.ts'
import type { Route } from '../routers/router.ts'
import { keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import type { Step } from '../strategies/step.ts'
import type { DraftInput } from './draft.ts'
import type { FoundRoutes } from './find-routes.ts'
import type { ServiceRecord, TrafficRecord, WorkloadRecord } from './record.ts'

/** Step of the offset from one rollout to the next: odd, so that 256 rollouts begin with 256 different users. */
const OFFSET_STEP = 97

/** How the router parts the requests; undefined where no route leads to a Service of a workload in steps. */
export function trafficRecord(
  { settings, routes, settleMs }: DraftInput,
  rollout: number,
  services: ServiceRecord[],
): TrafficRecord | undefined {
  if (settings.strategy !== 'canary' || routes === undefined) return undefined
  const { router } = routes
  const led = services.filter(({ name }) => routes.routes.some((route) => router.leadsTo(route, name)))
  if (led.length === 0) return undefined
  const { match, sticky, pods, onDrift, prefix, weights } = settings.traffic
  const [paths] = weights
  return {
    router: router.name,
    routes: routes.routes.map(({ object }) => keyOf(refOf(object))),
    services: led.map(({ namespace, name }) => `${namespace}/${name}`),
    match,
    ...(sticky === undefined
      ? {}
      : { sticky: sticky.by === 'router' ? sticky : { ...sticky, offset: (rollout * OFFSET_STEP) % BUCKETS } }),
    pods,
    onDrift,
    settleMs: settings.traffic.settleMs ?? Math.max(settleMs, router.settleMs),
    ...(prefix === undefined ? {} : { prefix }),
    ...(paths === undefined ? {} : { weights: { stable: paths.stable, canary: paths.canary, total: paths.total } }),
    ...(settings.traffic.keep === undefined ? {} : { keep: settings.traffic.keep }),
  }
}

export function routesByKey({ router, routes }: FoundRoutes): Record<string, Route> {
  return Object.fromEntries(
    routes.map(({ object, related }) => [
      keyOf(refOf(object)),
      { object: withoutStatus(object), related: router.copiesRelated === true ? related.map(withoutStatus) : [] },
    ]),
  )
}

function withoutStatus(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object
  return rest
}

/** Behind the route all old pods stay, and new ones come for the share. */
export function withShares(
  workload: WorkloadRecord,
  traffic: TrafficRecord,
  services: readonly ServiceRecord[],
  steps: readonly Step[],
): WorkloadRecord {
  const weights = steps.flatMap((step) => (step.kind === 'weight' ? [step.percent] : []))
  const { replicas } = workload
  const led = services.some(
    (service) =>
      service.workload === workload.name && traffic.services.includes(`${service.namespace}/${service.name}`),
  )
  const pairs = weights.map((percent): [number, number] => [
    replicas,
    traffic.pods === 'full' ? replicas : Math.max(1, Math.ceil((replicas * percent) / 100)),
  ])
  return led ? { ...workload, pairs } : workload
}
