import type { Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { routerNamed } from '../routers/all.ts'
import { changes } from '../routers/router.ts'
import type { Clock } from '../shared/clock.ts'
import { type Deployment, type KubeObject, nameOf, type ObjectRef, type PodTemplate, refOf } from '../shared/objects.ts'
import { MOVER } from '../strategies/hold.ts'
import { APP_LABEL } from '../strategies/services.ts'
import type { Book } from './book.ts'
import type { Engine } from './engine.ts'
import { clean, withOwnershipOf } from './ownership.ts'
import type { KeptVersion, RolloutRecord, TrafficRecord } from './record.ts'
import { idOf, withoutKept } from './routing.ts'

/** Label of a kept version's pods: no selector of the app finds them, and they find each other. */
const VERSION_LABEL = 'headgate.dev/version'

/** The name of what belongs to a kept version. */
export function keptName(name: string, id: string): string {
  return `${name}-${id}`
}

/**
 * What is reachable under an id after the finish: the version that serves until then first, when a release of Headgate
 * brought it, and those from before. Too old ones are among them until a later step has led nobody there any more.
 */
export function keepingAfter(record: RolloutRecord, traffic: TrafficRecord, now: number): KeptVersion[] {
  const { keep } = traffic
  const before = (record.kept ?? []).filter(({ id }) => id !== idOf(record.release))
  if (keep === undefined || record.serving === undefined) return before
  const id = idOf(record.serving)
  if (id === idOf(record.release) || before.some((kept) => kept.id === id)) return before
  const { header, query, cookie } = keep
  const fresh: KeptVersion = {
    id,
    namespace: record.namespace,
    services: Object.fromEntries(
      record.services
        .filter(({ namespace, name }) => traffic.services.includes(`${namespace}/${name}`))
        .map(({ name }) => [name, keptName(name, id)]),
    ),
    deployments: led(record, traffic).map(({ name }) => keptName(name, id)),
    until: new Date(now + keep.forMs).toISOString(),
    routes: traffic.routes,
    router: traffic.router,
    ...(header === undefined ? {} : { header }),
    ...(query === undefined ? {} : { query }),
    ...(cookie === undefined ? {} : { cookie }),
  }
  const past = new Date(now).toISOString()
  return [fresh, ...before.map((kept, at) => (at + 1 < keep.count ? kept : { ...kept, until: past }))]
}

/** Workloads behind a Service that a route leads to. */
function led(record: RolloutRecord, traffic: TrafficRecord): RolloutRecord['workloads'] {
  return record.workloads.filter(
    ({ mode, name, namespace }) =>
      mode === 'steps' &&
      record.services.some(
        (service) => service.workload === name && traffic.services.includes(`${namespace}/${service.name}`),
      ),
  )
}

/** Deployment and Services of the version that served until now, under its id. */
export function keptObjects(engine: Engine, kept: KeptVersion): KubeObject[] {
  const { record, payload } = engine.o.book
  const { traffic } = record
  if (traffic?.keep === undefined) return []
  const { replicas } = traffic.keep
  const workloads = led(record, traffic)
  const labels = (workload: string): Record<string, string> => ({
    [APP_LABEL]: record.app,
    [VERSION_LABEL]: kept.id,
    'headgate.dev/workload': workload,
  })
  const deployments = workloads.flatMap((workload): KubeObject[] => {
    const template = payload.versions[`${workload.namespace}/${workload.name}`]?.stable
    if (template === undefined) return []
    return [keptDeployment(workload, kept.id, replicas, template, labels(workload.name))]
  })
  const services = record.services.flatMap((service): KubeObject[] => {
    const name = kept.services[service.name]
    if (name === undefined) return []
    const ports = service.ports.map(({ nodePort: _nodePort, ...port }) => port)
    const metadata = { name, namespace: service.namespace, labels: labels(service.workload) }
    return [{ apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels(service.workload), ports } }]
  })
  return [...deployments, ...services]
}

function keptDeployment(
  { namespace, name }: { namespace: string; name: string },
  id: string,
  replicas: number,
  template: PodTemplate,
  labels: Record<string, string>,
): Deployment {
  const { annotations } = template.metadata ?? {}
  const metadata = { labels, ...(annotations === undefined ? {} : { annotations }) }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: keptName(name, id), namespace, labels },
    spec: { replicas, selector: { matchLabels: labels }, template: { ...template, metadata } },
  }
}

/**
 * Before the old pods go, some of them come up again under their id, and the route leads there from the moment it no
 * longer leads to the rollout.
 * @param ready waits until an object stands, or throws
 */
export async function keepOld(engine: Engine, ready: (object: KubeObject) => Promise<void>): Promise<void> {
  const { book, client, reporter } = engine.o
  const { traffic } = book.record
  if (traffic?.keep === undefined || engine.workloads.length === 0) return
  const keeping = traffic.keeping ?? keepingAfter(book.record, traffic, engine.now)
  if (traffic.keeping === undefined) await book.save({ traffic: { ...traffic, keeping } })
  const fresh = freshOf(book.record)
  if (fresh === undefined) return
  reporter.emit({ kind: 'phase', title: `Version ${fresh.id} stays reachable until ${fresh.until.slice(0, 16)}Z` })
  for (const object of keptObjects(engine, fresh)) {
    engine.stops.checkpoint(['lost'])
    const made = await client.create(object, { fieldManager: MOVER }).catch((error: unknown) => {
      if (error instanceof ApiError && error.kind === 'exists') return undefined
      throw error
    })
    if (made !== undefined) reporter.emit({ kind: 'change', text: `${nameOf(refOf(object))} created` })
  }
  for (const object of keptObjects(engine, fresh)) await ready(object)
}

/** The version that this rollout adds to the kept ones. */
export function freshOf({ kept = [], traffic }: RolloutRecord): KeptVersion | undefined {
  return traffic?.keeping?.find(({ id }) => kept.every((before) => before.id !== id))
}

/** After an abort: what this rollout began to keep goes again, since it serves. */
export async function keepNothing(engine: Engine): Promise<void> {
  const fresh = freshOf(engine.o.book.record)
  if (fresh !== undefined) await removeObjects(engine.o.client, fresh)
}

function objectsOf({ namespace, deployments, services }: KeptVersion): ObjectRef[] {
  return [
    ...deployments.map((name) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })),
    ...Object.values(services).map((name) => ({ apiVersion: 'v1', kind: 'Service', name, namespace })),
  ]
}

async function removeObjects(client: Client, kept: KeptVersion): Promise<void> {
  for (const ref of objectsOf(kept)) await client.delete(ref, { propagation: 'Background' })
}

export interface ExpiryTools {
  client: Client
  clock: Clock
  book: Book
  settleMs: number
  /** id of a version that this very run has begun to keep */
  spare?: string
  tell: (text: string) => void
}

/** Takes away what is past its time: first no route leads there, and only then it goes. Does nothing when nothing is. */
export async function expireKept({ client, clock, book, settleMs, spare, tell }: ExpiryTools): Promise<void> {
  const { kept = [], traffic } = book.record
  const past = kept.filter(({ id, until }) => id !== spare && Date.parse(until) <= clock.now())
  if (past.length === 0) return
  for (const key of new Set(past.flatMap(({ routes }) => routes))) await unroute(client, key, past)
  await clock.sleep(traffic?.settleMs ?? settleMs)
  for (const version of past) {
    await removeObjects(client, version)
    tell(`version ${version.id} is no longer reachable: it was kept until ${version.until.slice(0, 16)}Z`)
  }
  await book.save({ kept: kept.filter((each) => !past.includes(each)) })
}

async function unroute(client: Client, key: string, past: KeptVersion[]): Promise<void> {
  const [group = '', kind = '', namespace = '', name = ''] = key.split('|')
  const router = routerNamed(past[0]?.router ?? 'gateway-api')
  const known = router.kinds.find((each) => each.kind === kind && each.apiVersion.startsWith(`${group}/`))
  if (known === undefined) return
  const live = await client.get<KubeObject>({ ...known, namespace, name })
  if (live === undefined) return
  const changed = await clean(client, live, (object) => changes(object, withoutKept(router, object, past)))
  await clean(client, changed, (object) => withOwnershipOf(object, live))
}
