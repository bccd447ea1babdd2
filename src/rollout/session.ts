import { OwnRequests } from '../checks/own-requests.ts'
import { applyObject } from '../kubernetes/apply.ts'
import type { Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { acquire, type LeaseHolder } from '../kubernetes/lease.ts'
import { type KubeObject, keyOf, type LabelSelector, nameOf, refOf } from '../shared/objects.ts'
import type { Deps } from './deps.ts'
import type { Book } from './book.ts'
import { Engine } from './engine.ts'
import { trafficOf, watchTraffic } from './routing.ts'
import { Wake } from './wake.ts'
import { selectorText, World } from './world.ts'

/** What a command that only reads needs. */
export interface ReadSession {
  deps: Deps
  world: World
  close: () => Promise<void>
}

/** One command's hold on one app: the lease, the watches, and what is known of autoscalers. */
export interface Session extends ReadSession {
  lease: LeaseHolder
  wake: Wake
  /** keys of workloads whose replicas an autoscaler owns; read once */
  autoscaled: () => Promise<ReadonlySet<string>>
  /** how often the update checker may still ask in this run */
  polls: { left: number }
  /** what this run asked of the app itself */
  own: OwnRequests
}

/** At one request a second, stretched in long rollouts, this lasts for seven hours. */
const MOST_POLLS = 3_600

/**
 * Who acts, for the lease and for people: repository, run and attempt, or a user at a command line. The identity tells two
 * jobs of one run apart: the same holder may take its own lease again at once.
 */
export function holderOf({ source, identity }: Deps): string {
  const who =
    source.repository === '' ? source.actor || 'cli' : `${source.repository}/${source.runId}/${source.attempt}`
  return `${who}/${identity}`
}

/** Takes the lease, waiting up to `waitMs`, and opens the watches' home. Throws `refused` when another run keeps it. */
export async function openSession(
  deps: Deps,
  app: string,
  namespace: string,
  waitMs: number,
  expired?: string,
): Promise<Session> {
  const { client, clock, cancel, reporter } = deps
  const wake = new Wake()
  const lease = await acquire(client, {
    namespace,
    app,
    holder: holderOf(deps),
    waitMs,
    clock,
    signal: cancel,
    ...(expired === undefined ? {} : { expired }),
    onWait: (holder) => reporter.emit({ kind: 'waiting', text: `the run ${holder} to end` }),
  })
  lease.onRequest(wake.notify)
  const stop = new AbortController()
  const world = new World(client, wake, stop.signal)
  let autoscaled: Promise<ReadonlySet<string>> | undefined
  return {
    deps: { ...deps, client: client.writingUntil(lease.lost) },
    lease,
    world,
    wake,
    polls: { left: MOST_POLLS },
    own: new OwnRequests(),
    autoscaled: () => (autoscaled ??= readAutoscaled(client, namespace)),
    close: async () => {
      stop.abort()
      await lease.release()
    },
  }
}

/** Watches without a lease, for commands that never write. */
export function readOnlySession(deps: Deps): ReadSession {
  const stop = new AbortController()
  const world = new World(deps.client, new Wake(), stop.signal)
  return { deps, world, close: async () => stop.abort() }
}

async function readAutoscaled(client: Client, namespace: string): Promise<ReadonlySet<string>> {
  const { items } = await client.list({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' }, namespace)
  return new Set(items.map((autoscaler) => targetKey(autoscaler)))
}

/** Key of the workload that an autoscaler scales. */
export function targetKey(autoscaler: KubeObject): string {
  const spec = autoscaler['spec'] as
    | { scaleTargetRef?: { apiVersion?: string; kind?: string; name?: string } }
    | undefined
  const { apiVersion = 'apps/v1', kind = 'Deployment', name = '' } = spec?.scaleTargetRef ?? {}
  return keyOf({ apiVersion, kind, name, namespace: autoscaler.metadata.namespace ?? '' })
}

/** Server-side apply of an object of the release with the settings of its rollout. */
export async function applyIn(
  session: Session,
  takeOver: string[],
  object: KubeObject,
  live: KubeObject | undefined,
  guarded = false,
): Promise<KubeObject> {
  const autoscaled = (await session.autoscaled()).has(keyOf(refOf(object)))
  const applied = await applyObject(session.deps.client, object, live, { takeOver, autoscaled, guarded })
  if (applied.action !== 'unchanged')
    session.deps.reporter.emit({
      kind: 'change',
      text: `${object.kind}/${object.metadata.name ?? ''} ${applied.action}`,
    })
  return applied.object
}

/**
 * Like {@link applyIn}, in the middle of a rollout: who has scaled the workload since preflight is not overruled, and the
 * rollout does not fail for it. The count stays as it is; the next deploy's preflight asks. Throws `stale` where the object
 * is no longer as `live` shows it: the late apply of a frozen run would bring its version after an abort.
 */
async function applyScaled(
  session: Session,
  takeOver: string[],
  object: KubeObject,
  live: KubeObject | undefined,
): Promise<KubeObject> {
  try {
    return await applyIn(session, takeOver, object, live, true)
  } catch (error) {
    const [first, ...others] = error instanceof ApiError && error.kind === 'conflict' ? error.causes : []
    if (first?.field !== '.spec.replicas' || others.length > 0 || live === undefined) throw error
    const { client, reporter } = session.deps
    const text = `${nameOf(refOf(object))}: ${first.manager ?? 'somebody'} has set spec.replicas; the count stays as it is now. The next deploy is refused until the manifest leaves the field out, or the config file says take-over: [${first.manager ?? 'the manager'}]`
    reporter.emit({ kind: 'line', level: 'warning', text })
    return (await applyObject(client, object, live, { takeOver, autoscaled: true, guarded: true })).object
  }
}

/** Watches what a record names and makes the engine that moves it. */
export async function engineFor(session: Session, book: Book, rested: boolean): Promise<Engine> {
  const { deps, lease, world, wake } = session
  const { record, payload } = book
  const watches = record.workloads.flatMap((workload) => {
    const { name, namespace, stableName } = workload
    const manifest = book.object(keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace }))
    const selector = (manifest?.['spec'] as { selector?: LabelSelector } | undefined)?.selector ?? {}
    const own = world.watch(name, namespace, selectorText(selector))
    if (stableName === undefined) return [own]
    const labels = payload.versions[`${namespace}/${name}`]?.stable.metadata?.labels ?? {}
    return [own, world.watch(stableName, namespace, selectorText({ matchLabels: labels }))]
  })
  const namespaces = new Set([record.namespace, ...record.services.map((service) => service.namespace)])
  const traffic = trafficOf(record, payload)
  const routes = traffic === undefined ? [] : [watchTraffic(world, traffic, record.namespace)]
  await Promise.all([...watches, ...routes, ...[...namespaces].map((namespace) => world.watchServices(namespace))])
  return new Engine({
    client: deps.client,
    clock: deps.clock,
    reporter: deps.reporter,
    lease,
    world,
    wake,
    book,
    own: session.own,
    cancel: deps.cancel,
    settleMs: deps.settleMs,
    fetchUrl: deps.fetchUrl,
    runCommand: deps.runCommand,
    expand: deps.expand,
    rested,
    apply: (object, live) => applyScaled(session, record.takeOver, object, live),
  })
}
