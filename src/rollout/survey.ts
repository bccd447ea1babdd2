import { dryRun, eachLimited } from '../kubernetes/apply.ts'
import type { Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { isDeployment, isService } from '../manifests/workload.ts'
import type { DryRunResult, LiveLists } from '../preflight/input.ts'
import type { Need, ResourceName } from '../preflight/needs.ts'
import type { NeedsInput } from '../preflight/needs.ts'
import { compareRights, neededRights, type RulesReview } from '../preflight/rights.ts'
import type { JsonMap } from '../shared/objects.ts'
import { type Deployment, keyOf, type KubeObject, refOf, type ReplicaSet } from '../shared/objects.ts'
import type { Clock } from '../shared/clock.ts'
import { servicesBehind } from './draft.ts'
import { findRoutes, type RouteSearch } from './find-routes.ts'
import { optional, readLists, readNamed } from './survey-lists.ts'
import { selectorText, type World } from './world.ts'
import type { Release } from './release.ts'
import { targetKey } from './session.ts'
import { asksService, type Command, type Settings } from './settings.ts'

/** Requests under way at once. */
const AT_ONCE = 8
/** From this many objects of one kind in one namespace, one list is cheaper than single reads. */
const LIST_FROM = 4

/** What is known of the cluster before anything is written. */
export interface Survey {
  live: Map<string, KubeObject>
  dryRuns: Map<string, DryRunResult>
  lists: LiveLists
  /** what pods name and the release does not bring, as preflight takes it */
  named: Map<string, KubeObject | 'missing'>
  missing: Need[]
  needs: Need[]
  /** keys of workloads whose replicas an autoscaler owns */
  autoscaled: Set<string>
  /** canary: routes that lead to the Services */
  routes: RouteSearch
}

export interface SurveyOptions {
  client: Client
  clock: Clock
  world: World
  release: Release
  settings: Settings
  command: Command
}

/** Reads what is live, asks the server what an apply would make of each object, and which rights there are. */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const { client, world, release, settings } = options
  const namespaces = namespacesOf(release)
  const watching = Promise.all([
    ...release.parts.workloads.map((workload) => watchWorkload(world, workload)),
    ...namespaces.map((namespace) => world.watchServices(namespace)),
  ])
  const routing = watching.then(() => searchRoutes(options))
  const [live, lists, named, routes, rights] = await Promise.all([
    readLive(client, release),
    readLists(client, release, namespaces, settings.strategy === 'blue-green'),
    readNamed(client, release),
    routing,
    routing.then((found) => readRights({ ...options, routes: found })),
    watching,
  ])
  for (const { object } of release.objects) addWatched(world, object, live)
  const autoscaled = autoscaledOf(release, lists)
  const found: Survey = {
    live,
    dryRuns: new Map(),
    lists: withWorld(lists, release, world),
    named,
    ...rights,
    autoscaled,
    routes,
  }
  await dryRunAll(options, found)
  return found
}

/** Routes are looked for where a weight could be theirs. */
async function searchRoutes({ client, clock, world, release, settings }: SurveyOptions): Promise<RouteSearch> {
  if (settings.strategy !== 'canary') return { found: [], unread: [], named: [] }
  const services = release.parts.workloads.flatMap((manifest) => servicesBehind(world, release, manifest))
  const names = services.map(({ metadata }) => metadata.name ?? '')
  return findRoutes(client, clock, release.namespace, [...new Set(names)], settings.traffic)
}

function namespacesOf(release: Release): string[] {
  const all = release.objects.flatMap(({ object }) => object.metadata.namespace ?? [])
  return [...new Set([release.namespace, ...all])]
}

async function watchWorkload(world: World, workload: Deployment): Promise<void> {
  const { name = '', namespace = '' } = workload.metadata
  await world.watch(name, namespace, selectorText(workload.spec.selector))
}

/** Deployments and Services are watched, so they are not read a second time. */
function addWatched(world: World, object: KubeObject, live: Map<string, KubeObject>): void {
  const { name = '', namespace = '' } = object.metadata
  const watched = isDeployment(object)
    ? world.workload({ namespace, name }).deployment
    : isService(object)
      ? world.service(namespace, name)
      : undefined
  if (watched !== undefined) live.set(keyOf(refOf(object)), watched)
}

async function readLive(client: Client, release: Release): Promise<Map<string, KubeObject>> {
  const live = new Map<string, KubeObject>()
  const groups = new Map<string, KubeObject[]>()
  for (const { object } of release.objects) {
    if (isDeployment(object) || isService(object)) continue
    const group = `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}`
    groups.set(group, [...(groups.get(group) ?? []), object])
  }
  await eachLimited([...groups.values()], AT_ONCE, (objects) => readGroup(client, objects, live))
  return live
}

async function readGroup(client: Client, objects: KubeObject[], live: Map<string, KubeObject>): Promise<void> {
  const [first] = objects
  if (first === undefined) return
  if (objects.length >= LIST_FROM) {
    const all = await optional(client.list(first, first.metadata.namespace))
    if (all !== undefined) {
      for (const item of all.items) live.set(keyOf(refOf(item)), item)
      return
    }
  }
  await eachLimited(objects, AT_ONCE, async (object) => {
    const found = await client.get(refOf(object)).catch((error: unknown) => {
      // A kind whose definition is part of this very release is not served yet.
      if (error instanceof ApiError && error.kind === 'not-found') return undefined
      throw error
    })
    if (found !== undefined) live.set(keyOf(refOf(object)), found)
  })
}

function withWorld(lists: LiveLists, release: Release, world: World): LiveLists {
  const seen = release.parts.workloads.flatMap(({ metadata: { name = '', namespace = '' } }) => {
    const active = release.active[`${namespace}/${name}`] ?? name
    return [...new Set([active, name])].map((each) => world.workload({ namespace, name: each }))
  })
  return {
    ...lists,
    services: namespacesOf(release).flatMap((namespace) => world.services(namespace)),
    replicaSets: seen.flatMap(({ replicaSets }): ReplicaSet[] => replicaSets),
    pods: seen.flatMap(({ pods }) => pods),
  }
}

function autoscaledOf(release: Release, { autoscalers }: LiveLists): Set<string> {
  const planned = release.parts.pointing.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')
  return new Set([...(autoscalers ?? []), ...planned].map((autoscaler) => targetKey(autoscaler)))
}

async function dryRunAll({ client, release, settings, command }: SurveyOptions, found: Survey): Promise<void> {
  await eachLimited(release.objects, AT_ONCE, async ({ object }) => {
    const key = keyOf(refOf(object))
    let answer = await dryRunOne(client, object, found, settings.takeOver)
    // Who has scaled in an emergency and now needs the way back is not asked whose the count is: it stays.
    if (command === 'rollback' && isAboutReplicas(answer)) {
      found.autoscaled.add(key)
      answer = await dryRunOne(client, object, found, settings.takeOver)
    }
    found.dryRuns.set(key, answer)
  })
}

function isAboutReplicas(answer: DryRunResult): boolean {
  if (answer.kind !== 'error' || answer.reason !== 'Conflict') return false
  const fields = (answer.causes ?? []).map(({ field }) => field)
  return fields.length > 0 && fields.every((field) => field === '.spec.replicas')
}

/** The server's opinion of one object. Refusals are findings, not failures, so that all of them are told at once. */
export async function dryRunOne(
  client: Client,
  object: KubeObject,
  { live, autoscaled }: Survey,
  takeOver: string[],
): Promise<DryRunResult> {
  const key = keyOf(refOf(object))
  try {
    const { result } = await dryRun(client, object, live.get(key), { takeOver, autoscaled: autoscaled.has(key) })
    return { kind: 'ok', object: result }
  } catch (error) {
    if (!(error instanceof ApiError) || ['unreachable', 'unauthorized', 'too-many'].includes(error.kind)) throw error
    const causes = error.causes.map(({ field, message }) => ({ ...(field === undefined ? {} : { field }), message }))
    const reason = error.kind === 'conflict' ? 'Conflict' : error.reason
    return {
      kind: 'error',
      status: error.status,
      message: error.message,
      causes,
      ...(reason === undefined ? {} : { reason }),
    }
  }
}

/** How the API server calls a kind, as far as discovery has been asked. */
function namesOf({
  discovery,
}: Pick<Client, 'discovery'>): (apiVersion: string, kind: string) => ResourceName | undefined {
  return (apiVersion, kind) => {
    const known = discovery.known(apiVersion, kind)
    if (known === undefined) return undefined
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
    return { group, resource: known.plural, namespaced: known.namespaced }
  }
}

/** Which rights of the command the credentials lack, and which the rollout needs. Asks for nothing else. */
export async function readRights({
  client,
  release,
  settings,
  command,
  routes,
}: Pick<SurveyOptions, 'client' | 'settings' | 'command'> & {
  release: Pick<Release, 'app' | 'namespace' | 'objects'>
  routes?: RouteSearch
}): Promise<{ missing: Need[]; needs: Need[] }> {
  const objects = release.objects.map(({ object }) => object)
  const { strategy, pods, prune } = settings
  const resourceOf = namesOf(client)
  const input: NeedsInput = {
    commands: [command],
    app: release.app,
    namespace: release.namespace,
    strategy,
    pods,
    prune,
    objects,
    steps: settings.steps,
    checks: settings.checks,
    polls: asksService(settings),
    ...(routes?.found[0] === undefined ? {} : { routing: routes.found[0], keeps: settings.traffic.keep !== undefined }),
    resourceOf,
  }
  const needs = neededRights(input)
  const asked = new Set(needs.map(({ namespace }) => namespace ?? release.namespace))
  const reviews = await reviewsOf(client, [...asked])
  const { missing, ask } = compareRights(needs, reviews)
  const denied: Need[] = []
  await eachLimited(ask, AT_ONCE, async (need) => {
    if (!(await mayI(client, need))) denied.push(need)
  })
  // A plan needs less than what it plans; its Role is for that.
  const rollout = command === 'plan' ? neededRights({ ...input, commands: ['deploy'] }) : needs
  return { missing: [...missing, ...denied], needs: rollout }
}

/** What these credentials may do, by namespace; under '' what they may do without one. */
async function reviewsOf(client: Client, namespaces: string[]): Promise<Map<string, RulesReview>> {
  const reviews = new Map<string, RulesReview>()
  await Promise.all(
    namespaces.map(async (namespace) => {
      const body: JsonMap = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectRulesReview',
        spec: { namespace },
      }
      const review = await client.post<{ status: RulesReview }>(
        '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        body,
      )
      reviews.set(namespace, review.status)
      // The rules of any namespace include those of ClusterRoleBindings.
      if (!reviews.has('')) reviews.set('', review.status)
    }),
  )
  return reviews
}

async function mayI(client: Client, need: Need): Promise<boolean> {
  const resourceAttributes: JsonMap = { ...need }
  const body: JsonMap = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  }
  const review = await client.post<{ status: { allowed?: boolean } }>(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body,
  )
  return review.status.allowed === true
}
