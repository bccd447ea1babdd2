import { allObjects, changes, isAsBefore, isAsWanted, type Route } from '../routers/router.ts'
import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import { stringifyJson } from '../shared/json.ts'
import { keyOf, type KubeObject, nameOf, refOf } from '../shared/objects.ts'
import { SENTENCE, SPLIT } from './annotations.ts'
import { lastWriter } from './hold.ts'
import { type Move, type RouteGoal, wait } from './move.ts'
import { APP_LABEL } from './services.ts'
import type { Routing, Share, WorkloadView } from './view.ts'
import { type Asked, isSameAs, isWrittenFor, liveOf, NOTHING, shareOf, wantedAt } from './route-writes.ts'

/** A router that says no may mean not yet: its Service or Gateway is a moment old. */
const REFUSED_AFTER_MS = 10_000
/** Longest wait for a router's word on the way back, and at the end. */
const TAKEN_BACK_MS = 30_000

/** Asks for the routes to be so; undefined when they are and every proxy has it, or when there are none. */
export function routesAt(view: WorkloadView, to: RouteGoal): Move | undefined {
  if (view.routing === undefined) return undefined
  return routeMove({ ...view, routing: view.routing }, to) === undefined ? undefined : { kind: 'route', to }
}

/** The next write or wait on the way of all routes to a share, or back; undefined when there. */
export function routeMove(asked: Asked, to: RouteGoal): Move | undefined {
  return to === 'before' || to === 'after' ? endMove(asked, asked.routing[to]) : shareMove(asked, to)
}

/** Objects that exist only for the rollout, in the order in which they are written. */
function madeFor(routing: Routing, route: Route): KubeObject[] {
  const key = keyOf(refOf(route.object))
  return allObjects(routing.router, route, routing.split).filter((object) => keyOf(refOf(object)) !== key)
}

function shareMove(asked: Asked, to: Share): Move | undefined {
  const { routing, now } = asked
  for (const route of routing.routes) {
    for (const wanted of wantedAt(routing, route, to)) {
      const move = writeWanted(asked, route, wanted, to)
      if (move !== undefined) return move
    }
  }
  const objects = routing.routes.flatMap((route) => wantedAt(routing, route, to))
  return (
    objects.map((object) => verified(asked, object)).find((move) => move !== undefined) ??
    settling(routing, objects, now)
  )
}

function writeWanted(asked: Asked, route: Route, wanted: KubeObject, to: Share): Move | undefined {
  const { routing, rollout } = asked
  const { live, own } = liveOf(routing, wanted)
  const edited = keyOf(refOf(wanted)) === keyOf(refOf(route.object))
  const written = shareOf(live, rollout)
  if (isWrittenFor(live, wanted, to, rollout)) return undefined
  if (own && written?.percent === to.percent && written.mirror === to.mirror) return pruned(wanted)
  const drift = driftOf(asked, route, wanted)
  if (drift !== undefined && (routing.onDrift === 'stop' || (edited && live === undefined))) return drift
  const again = drift === undefined ? '' : `, which ${live === undefined ? 'somebody' : lastWriter(live)} had changed`
  const text = `${to.percent}% to the new version${to.mirror === 0 ? '' : `, ${to.mirror}% copied`}${again}`
  if (live === undefined) return createMove(asked, route, wanted)
  const content = changesOf(routing, route, live, wanted)
  const generation = (live.metadata.generation ?? 0) + (content.some(({ path }) => path.startsWith('/spec/')) ? 1 : 0)
  const annotations = { [SENTENCE]: asked.sentence, [SPLIT]: stringifyJson({ rollout, ...to, generation }) }
  const operations = [...content, ...marked(live, annotations, asked.app, changesAnnotations(live, wanted))]
  return { kind: 'write', write: { verb: 'patch', object: live, operations }, text }
}

/** The patch to what is wanted; an annotation that somebody else has given the route stays. */
function changesOf(routing: Routing, route: Route, live: KubeObject, wanted: KubeObject): JsonPatchOperation[] {
  const operations = changes(live, wanted)
  if (!isSameAs(route.object)(wanted)) return operations
  const own = [{ percent: 50, mirror: 0 }, NOTHING]
    .flatMap((share) => wantedAt(routing, route, share).filter(isSameAs(route.object)))
    .flatMap(({ metadata }) => Object.keys(metadata.annotations ?? {}))
    .map((key) => pointer('metadata', 'annotations', key))
  const annotation = pointer('metadata', 'annotations', '')
  return operations.filter(({ op, path }) => op !== 'remove' || !path.startsWith(annotation) || own.includes(path))
}

/** A create has no resourceVersion to be guarded by: the late one of a frozen run must give nobody another version. */
function createMove({ routing, rollout, sentence }: Asked, route: Route, wanted: KubeObject): Move {
  const object = wantedAt(routing, route, NOTHING).find(isSameAs(wanted)) ?? wanted
  const own = { [SENTENCE]: sentence, [SPLIT]: stringifyJson({ rollout, ...NOTHING }) }
  const metadata = { ...object.metadata, annotations: { ...object.metadata.annotations, ...own } }
  return {
    kind: 'write',
    write: { verb: 'create', object: { ...object, metadata } },
    text: 'created, with no share yet',
  }
}

/** The share that the routes were last written for; undefined while one of them is untouched. */
export function shareNow({ routing, rollout }: WorkloadView): Share | undefined {
  const shares = routing?.routes.map(({ object }) => shareOf(liveOf(routing, object).live, rollout)) ?? []
  return shares.includes(undefined) ? undefined : shares[0]
}

/** The patch makes the mapping of annotations itself where there is none yet. */
function changesAnnotations(live: KubeObject, wanted: KubeObject): boolean {
  return changes(live, wanted).some(({ path }) => path === '/metadata/annotations')
}

/** Own annotations, and the label by which a GitOps tool can leave the object alone meanwhile. */
function marked(
  live: KubeObject,
  annotations: Record<string, string>,
  app: string,
  annotated: boolean,
): JsonPatchOperation[] {
  const { labels, annotations: now } = live.metadata
  const set: JsonPatchOperation[] =
    now === undefined && !annotated
      ? [{ op: 'add', path: '/metadata/annotations', value: annotations }]
      : Object.entries(annotations).map(([key, value]) => ({
          op: 'add',
          path: pointer('metadata', 'annotations', key),
          value,
        }))
  if (labels?.[APP_LABEL] === app) return set
  return [
    ...set,
    labels === undefined
      ? { op: 'add', path: '/metadata/labels', value: { [APP_LABEL]: app } }
      : { op: 'add', path: pointer('metadata', 'labels', APP_LABEL), value: app },
  ]
}

/** Nobody has changed it since, so the server itself has not kept what was written. */
function pruned(wanted: KubeObject): Move {
  const ref = refOf(wanted)
  return {
    kind: 'refused',
    code: 'route-pruned',
    object: ref,
    text: `the cluster did not keep all that was written to ${nameOf(ref)}: its definition is too old for it, or something changes it on the way`,
    next: 'install a newer version of the CustomResourceDefinitions, or leave mirror and match out',
  }
}

/** Foreign writes to the routes of a rollout that rests at a share. */
export function routeDrifts(asked: Asked, at: Share): (Move & { kind: 'drift' })[] {
  const { routing } = asked
  return routing.routes.flatMap((route) =>
    wantedAt(routing, route, at).flatMap((wanted) => {
      const { live } = liveOf(routing, wanted)
      if (isWrittenFor(live, wanted, at, asked.rollout)) return []
      return driftOf(asked, route, wanted) ?? []
    }),
  )
}

/** Somebody else has written the object since this rollout did, or before it could. */
function driftOf(asked: Asked, route: Route, wanted: KubeObject): (Move & { kind: 'drift' }) | undefined {
  const { routing, rollout } = asked
  const { live } = liveOf(routing, wanted)
  const object = refOf(wanted)
  const edited = keyOf(object) === keyOf(refOf(route.object))
  if (live === undefined) {
    const gone = edited || (routing.begun && wasAsked(asked, route, wanted))
    return gone ? { kind: 'drift', object, text: 'it was deleted' } : undefined
  }
  const text = `its content was changed by ${lastWriter(live)}`
  const share = shareOf(live, rollout)
  if (share !== undefined) {
    const last = wantedAt(routing, route, share).find(isSameAs(wanted)) ?? wanted
    return isWrittenFor(live, last, share, rollout) ? undefined : { kind: 'drift', object, text }
  }
  // One that is made for rollouts and carries the app's label was left by an earlier one.
  const untouched = edited
    ? isAsBefore(live, endOf(routing.before, route))
    : live.metadata.labels?.[APP_LABEL] === asked.app
  if (untouched && !routing.begun) return undefined
  return { kind: 'drift', object, text }
}

/** The share that the route stands at already asks for it: a mirror, for one, comes with its own step. */
function wasAsked({ routing, rollout }: Asked, route: Route, wanted: KubeObject): boolean {
  const at = shareOf(liveOf(routing, route.object).live, rollout)
  return at === undefined || wantedAt(routing, route, at).some(isSameAs(wanted))
}

/** What the router says; a refusal that stays is one. */
function verified({ routing, now }: Asked, wanted: KubeObject): Move | undefined {
  const { live, changedAt } = liveOf(routing, wanted)
  if (live === undefined) return wait(nameOf(refOf(wanted)))
  const verdict = routing.router.verify(live)
  switch (verdict.kind) {
    case 'live':
    case 'unknown':
      return undefined
    case 'waiting':
      return wait(verdict.text)
    case 'refused': {
      const until = changedAt + REFUSED_AFTER_MS
      if (now < until) return wait(verdict.text, until)
      return {
        kind: 'refused',
        code: 'route-refused',
        object: refOf(wanted),
        text: `${nameOf(refOf(wanted))}: ${verdict.text}`,
        next: 'mend the route or what it names, then deploy again',
      }
    }
  }
}

function settling({ settleMs, live }: Routing, objects: readonly KubeObject[], now: number): Move | undefined {
  const moments = objects.map((object) => live.get(keyOf(refOf(object)))?.changedAt ?? 0)
  const until = Math.max(0, ...moments) + settleMs
  return until > now ? wait('the route to settle in every proxy', until) : undefined
}

type Ends = ReadonlyMap<string, KubeObject>

/** What a route is outside of a rollout. */
function endOf(ends: Ends, { object }: Route): KubeObject {
  return ends.get(keyOf(refOf(object))) ?? object
}

/** The routes as they are outside of a rollout, then what was made for it away, last first. */
function endMove(asked: Asked, ends: Ends): Move | undefined {
  const { routing, now } = asked
  const routes = routing.routes.toReversed()
  for (const route of routes) {
    const move = restoreRoute(asked, route, endOf(ends, route))
    if (move !== undefined) return move
  }
  const objects = routes.map(({ object }) => object)
  const settled = takenBack(asked, objects) ?? settling(routing, objects, now)
  const left = routes.flatMap((route) => madeFor(routing, route).toReversed()).filter((object) => isOwn(asked, object))
  const [first] = left
  const made = routes.flatMap((route) => madeFor(routing, route))
  if (first === undefined || settled !== undefined) return settled ?? settling(routing, made, now)
  const ref = refOf(first)
  const uid = liveOf(routing, first).live?.metadata.uid
  const write = { verb: 'delete' as const, ref, ...(uid === undefined ? {} : { uid }) }
  return { kind: 'write', write, text: `${nameOf(ref)} removed` }
}

/** A slow gateway still sends users where the route led before; one that is gone for good keeps nobody for ever. */
function takenBack({ routing, now }: Asked, objects: readonly KubeObject[]): Move | undefined {
  for (const object of objects) {
    const { live, changedAt } = liveOf(routing, object)
    const verdict = live === undefined ? undefined : routing.router.verify(live)
    const until = changedAt + TAKEN_BACK_MS
    if (verdict?.kind === 'waiting' && now < until) return wait(verdict.text, until)
  }
  return undefined
}

/** What carries the app's label was made by Headgate. */
function isOwn({ routing, app }: Asked, made: KubeObject): boolean {
  return liveOf(routing, made).live?.metadata.labels?.[APP_LABEL] === app
}

function restoreRoute(asked: Asked, route: Route, end: KubeObject): Move | undefined {
  const { routing } = asked
  const { live } = liveOf(routing, route.object)
  // Deleted by its owner: nothing to put back, and no user comes this way.
  if (live === undefined) return undefined
  const traces = traceOperations(live, route.object)
  const theirs = isForeign(asked, route, live, end)
  const content = theirs ? [] : changesOf(routing, route, live, end)
  if (traces.length === 0 && content.length === 0) return undefined
  const text = theirs
    ? `left as ${lastWriter(live)} has written it meanwhile: nothing in it leads to the new version`
    : `${isAsBefore(end, endOf(routing.before, route)) ? 'as it was before the rollout' : 'as before the rollout, but for the rules of kept versions'}${lostBy(asked, route, live)}`
  return { kind: 'write', write: { verb: 'patch', object: live, operations: [...content, ...traces] }, text }
}

/** What is written over, for people: somebody has changed the route beside its shares. */
function lostBy({ routing, rollout }: Asked, route: Route, live: KubeObject): string {
  const share = shareOf(live, rollout)
  const [last] = share === undefined ? [] : wantedAt(routing, route, share).filter(isSameAs(route.object))
  if (share === undefined || last === undefined || isWrittenFor(live, last, share, rollout)) return ''
  return `; what ${lastWriter(live)} had changed in it meanwhile is gone: apply that again`
}

/** Somebody has written it meanwhile, and it leads to nothing of this rollout: theirs stays. */
function isForeign({ routing, rollout }: Asked, route: Route, live: KubeObject, end: KubeObject): boolean {
  // Without a trace of this rollout it is as it was before the first write.
  if (isAsBefore(live, end) || isAsBefore(live, endOf(routing.before, route))) return false
  const share = shareOf(live, rollout)
  const [last] = share === undefined ? [] : wantedAt(routing, route, share).filter(isSameAs(route.object))
  if (last !== undefined && isAsWanted(live, last)) return false
  const text = stringifyJson({ spec: live['spec'], annotations: { ...live.metadata.annotations, [SENTENCE]: '' } })
  const names = [
    ...routing.split.sides.map(({ canary }) => canary),
    ...madeFor(routing, route).map(({ metadata }) => metadata.name ?? ''),
  ]
  return !names.some((name) => text.includes(name))
}

function traceOperations(live: KubeObject, before: KubeObject): JsonPatchOperation[] {
  const { annotations = {}, labels = {} } = live.metadata
  const own = [SENTENCE, SPLIT].filter((key) => annotations[key] !== undefined)
  const labelled = labels[APP_LABEL] !== undefined && before.metadata.labels?.[APP_LABEL] === undefined
  return [
    ...own.map((key) => ({ op: 'remove' as const, path: pointer('metadata', 'annotations', key) })),
    ...(labelled ? [{ op: 'remove' as const, path: pointer('metadata', 'labels', APP_LABEL) }] : []),
  ]
}
