import type { FoundRoutes } from '../rollout/find-routes.ts'
import type { Route } from '../routers/router.ts'
import { APP_LABEL } from '../strategies/services.ts'
import { actingRun } from '../kubernetes/acting.ts'
import { afterAbort } from '../kubernetes/after-abort.ts'
import type { Finding } from '../preflight/finding.ts'
import { leaseFinding } from '../preflight/lease.ts'
import { stepLabel } from '../report/status.ts'
import { readPayload } from '../rollout/book.ts'
import type { Payload } from '../rollout/codec.ts'
import type { Deps } from '../rollout/deps.ts'
import { type Decision, decide, wayOf } from '../rollout/machine.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { Release } from '../rollout/release.ts'
import type { ReadSession } from '../rollout/session.ts'
import type { Survey } from '../rollout/survey.ts'
import { keyOf, type KubeObject, refOf, type Service } from '../shared/objects.ts'
import { stepText } from '../strategies/step.ts'

/** What a deploy of a release comes down to, given where the app stands. */
export function deployDecision(
  { settings, source }: Deps,
  release: Release,
  record: RolloutRecord | undefined,
): Decision {
  const { full, supersede, strategy, pods } = settings
  const way = wayOf({ strategy, pods, steps: settings.steps.map(stepText) })
  return decide({ command: 'deploy', record, digest: release.digest, way, full, supersede, source })
}

/** What a plan knows of the rollout before: what a deploy would do about it, and who is at work. */
export interface UnderWay {
  findings: Finding[]
  notes: string[]
  /** number of the rollout that a deploy would go on with, instead of beginning another */
  goesOn?: number
  /** the rollout that rests or that a dead run left, and what it found before it began */
  rest?: { record: RolloutRecord; payload: Payload }
  /** why a deploy would be refused */
  refused?: string
  /** what else a deploy would do, after "a deploy would" */
  would: string
}

const OVER = ['succeeded', 'aborted']

export async function underWay(deps: Deps, release: Release, record: RolloutRecord | undefined): Promise<UnderWay> {
  const { client, clock } = deps
  const { app, namespace } = release
  const acting = await actingRun(client, { app, namespace }, clock.now())
  const findings =
    acting === undefined || acting.leftMs === 0
      ? []
      : [leaseFinding({ app, namespace, holder: acting.holder, expiresInMs: acting.leftMs })]
  if (record === undefined) return { findings, notes: [], would: 'go through' }
  const decision = deployDecision(deps, release, record)
  const found = OVER.includes(record.phase)
    ? undefined
    : await readPayload(client, record, record.rollout).catch(() => undefined)
  const going = decision.kind === 'resume' || decision.kind === 'still-paused'
  return {
    findings,
    notes: noteOf(decision, record),
    would: wouldOf(decision, record),
    ...(going ? { goesOn: record.rollout } : {}),
    // Two colors stand side by side: there is nothing held that could be taken for the stable version.
    ...(found === undefined || record.pods === 'separate' ? {} : { rest: { record, payload: found } }),
    ...(decision.kind === 'refused' ? { refused: decision.failure.message } : {}),
  }
}

function wouldOf({ kind }: Decision, { rollout }: RolloutRecord): string {
  if (kind === 'still-paused') return `leave rollout ${rollout} waiting`
  return kind === 'resume' ? `go on with rollout ${rollout}` : 'go through'
}

function noteOf(decision: Decision, record: RolloutRecord): string[] {
  const at = `Rollout ${record.rollout} is ${record.phase} at step ${stepLabel(record)}.`
  switch (decision.kind) {
    case 'refused':
      return [`A deploy would be refused: ${decision.failure.message}.`]
    case 'still-paused':
      return [`${at} It brings this very release: a deploy leaves it as it is, promote goes on, abort goes back.`]
    case 'resume':
      return [`${at} It brings this very release: a deploy goes on with it there.`]
    case 'start':
      if (!decision.abortFirst) return []
      return [
        `${at} A deploy takes its place: it goes back to the stable version first, as abort does, and the changes here are those against that.`,
      ]
    case 'unchanged':
    case 'promote':
    case 'abort':
      return []
  }
}

/** Shows the cluster as it is once the rollout under way has gone back: what is held now is not what a deploy meets. */
export function wentBack(
  { world }: ReadSession,
  release: Release,
  seen: Survey,
  { record, payload }: { record: RolloutRecord; payload: Payload },
): void {
  const before = new Map(Object.entries(payload.before))
  // A Service that the release does not change takes part as well.
  for (const { name, namespace, selector, ports } of record.services) {
    const live = world.service(namespace, name)
    if (live === undefined) continue
    const was: Service = { ...live, spec: { ...live.spec, selector, ports } }
    before.set(keyOf(refOf(live)), before.get(keyOf(refOf(live))) ?? was)
    world.put(asBefore(live, was))
  }
  for (const { object } of release.objects) {
    const key = keyOf(refOf(object))
    const [was, live, dry] = [before.get(key), seen.live.get(key), seen.dryRuns.get(key)]
    if (was === undefined || live === undefined) continue
    // Who has written there since is put away by going back, and owns nothing afterwards.
    if (dry?.kind === 'error' && dry.status === 409) seen.dryRuns.delete(key)
    if (dry?.kind === 'ok') seen.dryRuns.set(key, { ...dry, object: afterAbort(dry.object, was, object) })
    seen.live.set(key, asBefore(live, was))
    world.put(asBefore(live, was))
  }
  seen.routes = { ...seen.routes, found: routesBefore(seen.routes.found, payload) }
  const services = [...new Set((seen.lists.services ?? []).map(({ metadata }) => metadata.namespace ?? ''))]
  seen.lists = { ...seen.lists, services: services.flatMap((namespace): Service[] => world.services(namespace)) }
}

/** The routes without the share that rests on them, and without what was made for it. */
function routesBefore(found: FoundRoutes[], { routes: before }: Payload): FoundRoutes[] {
  if (before === undefined) return found
  return found.flatMap(({ router, routes }): FoundRoutes[] => {
    const own = routes.flatMap((route): Route[] => {
      const was = before[keyOf(refOf(route.object))]
      if (was !== undefined) return [{ ...route, object: asBefore(route.object, was.object) }]
      return route.object.metadata.labels?.[APP_LABEL] === undefined ? [route] : []
    })
    return own.length === 0 ? [] : [{ router, routes: own }]
  })
}

/** The content of before, with the status of now. Without a version of its own it takes the place of any other. */
function asBefore(live: KubeObject, before: KubeObject): KubeObject {
  const { resourceVersion: _, ...metadata } = before.metadata
  const { generation } = live.metadata
  return {
    ...before,
    metadata: { ...metadata, ...(generation === undefined ? {} : { generation }) },
    ...(live['status'] === undefined ? {} : { status: live['status'] }),
  }
}
