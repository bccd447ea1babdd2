import type { Client } from '../kubernetes/client.ts'
import { sameContent } from '../kubernetes/diff.ts'
import { valueAt } from '../manifests/workload.ts'
import { portFindings } from '../preflight/check-ports.ts'
import { type ChecksLook, lookAtChecks, plannedShares } from '../preflight/checks.ts'
import type { Finding } from '../preflight/finding.ts'
import type { PreflightInput } from '../preflight/input.ts'
import { previewFindings } from '../preflight/preview.ts'
import { placedAt, routeFindings } from '../preflight/routes.ts'
import { rightsFindings } from '../preflight/rights.ts'
import { applyAcceptance, blocking, runRules } from '../preflight/rules.ts'
import { type Plan, renderPlan } from '../report/plan.ts'
import { mendText } from '../report/sections.ts'
import { askerBefore } from '../rollout/asker.ts'
import { colored } from '../rollout/colors.ts'
import type { Deps } from '../rollout/deps.ts'
import { type Draft, draftRollout, dryRunOf } from '../rollout/draft.ts'
import { Interrupted } from '../rollout/interrupt.ts'
import { planOf } from '../rollout/plan.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { type Release, withObjects } from '../rollout/release.ts'
import { keptRoutes, trafficOf, withoutKept } from '../rollout/routing.ts'
import type { ReadSession, Session } from '../rollout/session.ts'
import type { Settings } from '../rollout/settings.ts'
import { type Survey, survey } from '../rollout/survey.ts'
import { selectorText, type World } from '../rollout/world.ts'
import { type Failure, refuse } from '../shared/errors.ts'
import { keyOf, nameOf, type PodTemplate, refOf } from '../shared/objects.ts'
import { isRolling, lastWriter } from '../strategies/hold.ts'
import { stillWanted } from './request.ts'
import { type UnderWay, wentBack } from './under-way.ts'

export interface Look {
  seen: Survey
  findings: Finding[]
  /** Markdown */
  plan: string
}

/** Everything that can be known before the first write. */
export async function preflight(
  session: ReadSession,
  release: Release,
  record: RolloutRecord | undefined,
  known?: UnderWay,
): Promise<Look> {
  const { deps, world } = session
  const { client, settings, reporter } = deps
  const [seen, version] = await Promise.all([
    survey({ client, clock: deps.clock, world, release, settings, command: settings.command }),
    serverVersion(client, release),
  ])
  if (known?.rest !== undefined) wentBack(session, release, seen, known.rest)
  const { strategy } = settings
  const draft = draftOf(session, release, record, seen)
  const previews = strategy === 'blue-green' ? previewFindings(draft.record.services, release.objects) : []
  const routes = strategy === 'canary' ? routesOf(release, settings, seen, draft, known?.rest !== undefined) : []
  const checks = await checksOf(deps, world, settings, draft)
  const found = [
    ...checks.findings,
    ...portFindings({ ...settings, workloads: movedOf(draft) }),
    ...rightsFindings(seen.missing),
    ...(known?.findings ?? []),
    ...previews,
    ...routes,
    ...runRules(inputOf(session, release, record, seen, version)),
  ]
  const findings = applyAcceptance(found, settings.accept)
  const planned = planOf(release, seen, draft, findings)
  const plan = withKnown({ ...planned, notes: [...planned.notes, ...checks.notes] }, known)
  for (const finding of findings) reporter.emit({ kind: 'finding', finding })
  reporter.emit({ kind: 'plan', plan })
  return { seen, findings, plan: renderPlan(plan) }
}

function draftOf(
  { deps, world }: ReadSession,
  release: Release,
  before: RolloutRecord | undefined,
  seen: Survey,
): Draft {
  const { settings, source, clock, settleMs } = deps
  const [routes] = seen.routes.found
  return draftRollout({
    release,
    settings,
    source,
    command: 'deploy',
    before,
    world,
    live: seen.live,
    dryRuns: seen.dryRuns,
    ...(routes === undefined ? {} : { routes }),
    settleMs,
    now: clock.now(),
  })
}

/** Workloads that go through steps, with what their new pods are made from. */
function movedOf({ record, payload }: Draft): { name: string; template: PodTemplate }[] {
  return record.workloads.flatMap(({ mode, namespace, name }) => {
    const template = payload.versions[`${namespace}/${name}`]?.next
    return mode === 'steps' && template !== undefined ? [{ name, template }] : []
  })
}

/** What checks will ask, tried; only where workloads go through steps. */
async function checksOf(deps: Deps, world: World, { steps, checks }: Settings, { record }: Draft): Promise<ChecksLook> {
  const moved = record.workloads.filter(({ mode }) => mode === 'steps')
  if (moved.length === 0) return { findings: [], notes: [] }
  const shareAt = (nth: number, percent: number): number => {
    if (record.traffic !== undefined) return percent / 100
    const pairs = moved.map(({ pairs: all }) => all[nth] ?? [1, 0])
    const [stable, canary] = [0, 1].map((side) => pairs.reduce((sum, pair) => sum + (pair[side] ?? 0), 0))
    return (canary ?? 0) / Math.max(1, (stable ?? 0) + (canary ?? 0))
  }
  return lookAtChecks(askerBefore(deps, world, record), steps, checks, plannedShares(steps, shareAt))
}

/** What the rules look at. */
function inputOf(
  { deps }: ReadSession,
  release: Release,
  record: RolloutRecord | undefined,
  { live, lists, named, routes, dryRuns }: Survey,
  version: PreflightInput['serverVersion'],
): PreflightInput {
  const { strategy, steps, pods, capacity, timeoutMs, takeOver, workloads } = deps.settings
  return {
    app: release.app,
    strategy,
    steps,
    pods,
    capacity,
    plain: Object.keys(workloads),
    timeoutMs,
    takeOver,
    objects: release.objects,
    live,
    lists,
    named,
    routes: routes.found.flatMap((found) => found.routes.map(({ object }) => object)),
    dryRuns,
    record,
    active: release.active,
    serverVersion: version,
    now: deps.clock.now(),
  }
}

/** Findings about the router of a canary, at the workloads that go through steps. */
function routesOf(
  { app, objects, namespace }: Release,
  { traffic, steps }: Settings,
  { routes, lists }: Survey,
  { record, payload }: Draft,
  resting: boolean,
): Finding[] {
  if (record.workloads.every(({ mode }) => mode !== 'steps')) return []
  const split = trafficOf(record, payload)?.split ?? { sides: [], match: traffic.match, pins: [], labels: {} }
  const { found, unread, named } = routes
  const bare = found.map(({ router, routes: all }) => ({
    router,
    routes: all.map((route) => ({ ...route, object: withoutKept(router, route.object, record.kept ?? []) })),
  }))
  const live = (lists.services ?? []).filter(({ metadata }) => metadata.namespace === namespace)
  const services = record.services.map(({ name }) => name)
  return placedAt(
    routeFindings({ app, settings: traffic, steps, services, live, found: bare, unread, named, split, resting }),
    objects,
  )
}

function withKnown(plan: Plan, known: UnderWay | undefined): Plan {
  if (known === undefined) return plan
  return { ...plan, rollout: known.goesOn ?? plan.rollout, notes: [...known.notes, ...plan.notes] }
}

/** The refusal that findings come to; undefined when none blocks. */
export function refusal(findings: Finding[]): Failure | undefined {
  const errors = blocking(findings)
  const [first] = errors
  if (first === undefined) return undefined
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const { failure } = refuse(
    'preflight',
    `preflight found ${errors.length === 1 ? 'an error' : `${errors.length} errors`}: ${first.reason}${more}`,
    {
      ...(first.object === undefined ? {} : { object: first.object }),
      ...(first.place === undefined ? {} : { place: first.place }),
      done: 'nothing was touched',
      next: mendText(first),
    },
  )
  return failure
}

/** A rolling update that somebody else began is waited for, up to `timeout`: until it ends nobody knows what is stable. */
export async function foreignRolloutsOver(session: Session, release: Release): Promise<void> {
  const { deps, world, wake } = session
  const { clock, settings, reporter, cancel } = deps
  const deadline = clock.now() + settings.timeoutMs
  for (const manifest of release.parts.workloads) {
    const { name = '', namespace = '' } = manifest.metadata
    const active = release.active[`${namespace}/${name}`] ?? name
    await world.watch(active, namespace, selectorText(manifest.spec.selector))
    for (;;) {
      const { deployment } = world.workload({ namespace, name: active })
      if (deployment === undefined || !isRolling(deployment)) break
      if (cancel.aborted) throw new Interrupted({ kind: 'cancelled' })
      await stillWanted(session)
      if (clock.now() >= deadline)
        throw refuse(
          'foreign-rollout',
          `Deployment/${active} is in the middle of a rolling update by ${lastWriter(deployment)}`,
          {
            object: refOf(deployment),
            next: `wait for it, or end it: kubectl -n ${namespace} rollout undo deployment ${active}`,
          },
        )
      reporter.emit({
        kind: 'waiting',
        text: `the rolling update of Deployment/${active} by ${lastWriter(deployment)} to end`,
      })
      await wake.until(deadline, clock, [cancel])
    }
  }
}

/**
 * The release as this rollout brings it: in the separate form painted in its colors, and with the rules of kept versions in
 * its routes.
 */
export async function shaped(
  { deps, world }: ReadSession,
  release: Release,
  record: RolloutRecord | undefined,
): Promise<Release> {
  if (deps.settings.pods === 'separate') return colored(deps.client, world, release, deps.settings)
  const { kept = [] } = record ?? {}
  if (kept.length === 0) return release
  const objects = keptRoutes(
    release.objects.map(({ object }) => object),
    [],
    kept,
  )
  return withObjects(release, objects, deps.settings)
}

/** Asked only where a rule depends on it: the sleep action of preStop is younger than some clusters. */
async function serverVersion(
  client: Client,
  { parts }: Release,
): Promise<{ major: number; minor: number } | undefined> {
  const sleeps = parts.workloads.some((workload) =>
    workload.spec.template.spec.containers.some(
      ({ lifecycle }) => valueAt(lifecycle, ['preStop', 'sleep']) !== undefined,
    ),
  )
  if (!sleeps) return undefined
  const { major, minor } = await client.version()
  // Some clouds write `29+`.
  return { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) }
}

/** The first object of the release that is not as an apply would leave it; undefined when all are. */
export async function differs(
  session: ReadSession,
  plain: Release,
  record: RolloutRecord | undefined,
): Promise<string | undefined> {
  const { deps, world } = session
  const release = await shaped(session, plain, record)
  const { client, settings } = deps
  const { live, dryRuns } = await survey({
    client,
    clock: deps.clock,
    world,
    release,
    settings,
    command: settings.command,
  })
  const steps = new Set(release.parts.stepJobs.map((job) => keyOf(refOf(job))))
  const other = release.objects.find(({ object }) => {
    const key = keyOf(refOf(object))
    const [now, dry] = [live.get(key), dryRunOf(dryRuns, object)]
    return !steps.has(key) && (now === undefined || dry === undefined || !sameContent(now, dry))
  })
  return other === undefined ? undefined : nameOf(refOf(other.object))
}
