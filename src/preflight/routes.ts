import type { Match, Route, Router, Split } from '../routers/router.ts'
import type { Traffic } from '../rollout/settings.ts'
import type { Place } from '../shared/errors.ts'
import { type KubeObject, keyOf, nameOf, refOf, type Service } from '../shared/objects.ts'
import { nearest } from '../shared/nearest.ts'
import { APP_LABEL, canaryName } from '../strategies/services.ts'
import type { Step } from '../strategies/step.ts'
import type { Finding } from './finding.ts'
import { moversOf } from './managers.ts'

/** What is known of the routes before the start. */
export interface RouteInput {
  app: string
  settings: Traffic
  steps: readonly Step[]
  /** Services that take part, and all of the namespace */
  services: readonly string[]
  live: readonly Service[]
  /** the first is the one that is used */
  found: readonly { router: Router; routes: Route[] }[]
  /** kinds that could not be listed */
  unread: readonly { kind: { apiVersion: string; kind: string }; why: 'not-served' | 'forbidden' }[]
  /** routes that are there and that the settings name, or could have meant */
  named: readonly string[]
  split: Omit<Split, 'percent' | 'mirror'>
  /** a rollout of this app rests on the routes, and goes back before */
  resting: boolean
}

const NO_POD = 'the weight is then the share of pods'

/** Findings about the router of a canary. */
export function routeFindings(input: RouteInput): Finding[] {
  const { found, settings } = input
  const place = settings.place === undefined ? {} : { place: settings.place }
  const [first, ...others] = found
  const findings =
    first === undefined
      ? unroutedFindings(input)
      : [
          ...severalFindings(first, settings),
          ...unnamedFindings(input),
          ...othersFindings(first, others, settings),
          ...noticeFindings(first),
          ...nameFindings(input),
          ...first.routes.flatMap((route) => oneRouteFindings(input, first.router, route)),
        ]
  return findings.map((finding) => ({ ...place, ...finding }))
}

function unroutedFindings(input: RouteInput): Finding[] {
  const { settings, services } = input
  const asked = whatNeedsRouter(settings.match, settings, input.steps)
  const forbidden = input.unread.filter(({ why }) => why === 'forbidden').map(({ kind }) => kind.kind)
  const to = services.map((name) => `Service/${name}`).join(', ')
  if (settings.router === 'auto' || settings.router === 'none') {
    if (settings.routes.length > 0 && settings.router === 'auto') return unnamedFindings(input)
    if (asked !== undefined)
      return [
        {
          id: 'router-needed',
          severity: 'error',
          reason: `${asked} needs a router, and ${settings.router === 'none' ? 'traffic: router is none' : `no route that leads to ${to === '' ? 'a Service of this release' : to} was found in its namespace${readText(forbidden)}`}`,
          mend: `let an HTTPRoute or another route lead to the Service, or leave ${asked} out: ${NO_POD}`,
        },
      ]
    if (forbidden.length === 0) return []
    return [
      {
        id: 'not-verified',
        severity: 'info',
        reason: `routes could not be listed (${forbidden.join(', ')}), so it is not known whether a router leads to ${to}; ${NO_POD}`,
        mend: 'grant list on them, or set traffic: router to none',
      },
    ]
  }
  const missing = input.unread.filter(({ why }) => why === 'not-served').map(({ kind }) => kind.kind)
  if (forbidden.length > 0)
    return [
      {
        id: 'route-missing',
        severity: 'error',
        reason: `traffic asks for the router ${settings.router}, and ${forbidden.join(', ')} may not be listed`,
        mend: 'grant get, list and watch on them',
      },
    ]
  if (settings.routes.length > 0) return unnamedFindings(input)
  return [
    {
      id: 'route-missing',
      severity: 'error',
      reason: `traffic asks for the router ${settings.router}, and no route of it in the same namespace leads to ${to}${missing.length === 0 ? '' : ` (the cluster does not serve ${missing.join(', ')}: are its CustomResourceDefinitions installed?)`}`,
      mend: 'let the route lead to the Service, or leave the router out',
    },
  ]
}

function readText(forbidden: string[]): string {
  return forbidden.length === 0 ? '' : ` (${forbidden.join(', ')} may not be listed)`
}

/** What of the settings only a router can do; undefined when nothing. */
function whatNeedsRouter(match: Match[], { sticky, keep }: Traffic, steps: readonly Step[]): string | undefined {
  if (match.length > 0) return 'traffic: match'
  if (sticky !== undefined) return 'traffic: sticky'
  if (keep !== undefined) return 'traffic: keep-versions'
  if (steps.some((step) => step.kind === 'weight' && step.percent === 0)) return 'the step 0%'
  if (steps.some(({ kind }) => kind === 'warm-up')) return 'the step warm-up'
  return steps.some(({ kind }) => kind === 'mirror') ? 'the step mirror' : undefined
}

/** A route that the settings name and that is not there, or leads elsewhere. */
function unnamedFindings({ settings, named, found, services }: RouteInput): Finding[] {
  const leading = found.flatMap(({ routes }) => routes.map(({ object }) => nameOf(refOf(object))))
  return settings.routes
    .filter((name) => !leading.includes(name))
    .map((name): Finding => {
      const near = nearest(name, [...leading, ...named])
      return {
        id: named.includes(name) ? 'route-service' : 'route-missing',
        severity: 'error',
        reason: named.includes(name)
          ? `${name} leads to none of the Services of this rollout: ${services.join(', ')}`
          : `there is no ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
        mend: 'correct traffic: routes, or the backends of the route',
      }
    })
}

/** Two routes to one Service are one route too many, unless both were named. */
function severalFindings({ routes }: { routes: Route[] }, settings: Traffic): Finding[] {
  if (routes.length < 2 || settings.routes.length > 0) return []
  const names = routes.map(({ object }) => nameOf(refOf(object)))
  return [
    {
      id: 'routes-several',
      severity: 'error',
      reason: `${names.join(' and ')} lead to the Service, and it is not said which of them are meant`,
      mend: `name them: traffic: {routes: [${names.join(', ')}]}; what comes past a route that is not named stays on the old version until the finish`,
    },
  ]
}

function othersFindings(
  first: { router: Router },
  others: readonly { router: Router; routes: Route[] }[],
  settings: Traffic,
): Finding[] {
  if (settings.routes.length > 0) return []
  return others.flatMap(({ router, routes }) =>
    routes.map(({ object }) => ({
      id: 'route-other',
      severity: 'warning' as const,
      object: refOf(object),
      reason: `${nameOf(refOf(object))} leads to the Service as well, but the weights are those of ${first.router.name}: its requests stay on the old version until the finish`,
      mend: `set traffic: router to ${router.name} if most requests come that way`,
    })),
  )
}

function noticeFindings({ router }: { router: Router }): Finding[] {
  if (router.notice === undefined) return []
  return [{ id: 'router-notice', severity: 'warning', reason: router.notice, mend: 'plan to move to the Gateway API' }]
}

const LONGEST = 63

/** The Service of the new version has a name of its own, which must be free and fit. */
function nameFindings({ app, split, live }: RouteInput): Finding[] {
  return split.sides.flatMap(({ stable, canary }): Finding[] => {
    if (canary.length > LONGEST)
      return [
        {
          id: 'preview-name',
          severity: 'error',
          reason: `a canary through a router would make the Service ${canary}, and this name has ${canary.length} characters; Kubernetes takes ${LONGEST}`,
          mend: `give Service/${stable} a name of at most ${LONGEST - canaryName('').length} characters`,
        },
      ]
    const other = live.find(({ metadata }) => metadata.name === canary)
    if (other === undefined || other.metadata.labels?.[APP_LABEL] === app) return []
    return [
      {
        id: 'canary-service',
        severity: 'error',
        object: refOf(other),
        reason: `Service/${canary} is there already, and it is not Headgate's: the new version needs a Service of this name`,
        mend: 'remove or rename it',
      },
    ]
  })
}

function oneRouteFindings(input: RouteInput, router: Router, route: Route): Finding[] {
  const { object } = route
  const name = nameOf(refOf(object))
  const findings: Finding[] = moversOf(object).map((tool) => ({
    id: 'route-foreign',
    severity: 'error',
    object: refOf(object),
    reason: `${name} is moved by ${tool}, which would fight over its weights`,
    mend: `end its rollout and remove its object for this route, or deploy with it`,
  }))
  const mirror = Math.max(0, ...input.steps.map((step) => (step.kind === 'mirror' ? step.percent : 0)))
  for (const { reason, mend } of input.resting ? [] : router.problems(route, { ...input.split, percent: 50, mirror }))
    findings.push({ id: 'route-problem', severity: 'error', object: refOf(object), reason: `${name}: ${reason}`, mend })
  const verdict = router.verify(object)
  if (verdict.kind === 'waiting' || verdict.kind === 'refused')
    findings.push({
      id: 'route-not-live',
      severity: 'error',
      object: refOf(object),
      reason:
        verdict.kind === 'refused'
          ? `${name} is not in force: ${verdict.text}`
          : `${name} is not in force: nobody has said so yet; it waits for ${verdict.text}`,
      mend: 'mend the route, its parents or its backends first, so that it can be told whether a weight is in force',
    })
  return findings
}

/** Where a finding is about a manifest's own object, its place there. */
export function placedAt(findings: Finding[], objects: readonly { object: KubeObject; place?: Place }[]): Finding[] {
  return findings.map((finding) => {
    const { object } = finding
    if (object === undefined) return finding
    const released = objects.find((each) => keyOf(refOf(each.object)) === keyOf(object))
    return released?.place === undefined ? finding : { ...finding, place: released.place }
  })
}
