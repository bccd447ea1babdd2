import { isMap, parseJson, stringifyJson } from '../shared/json.ts'
import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { targetProblems } from './alb-services.ts'
import { alreadyThere } from './problems.ts'
import { mapAt, mapsIn, type Problem, type Route, type Router, type Side, type Split, textOf } from './router.ts'

const PREFIX = 'alb.ingress.kubernetes.io/'
const ACTIONS = `${PREFIX}actions.`
const LEGACY_CLASS = 'kubernetes.io/ingress.class'

/**
 * The action annotation of the AWS Load Balancer Controller: weights of target groups in one Ingress. The Ingress has to
 * use an action already, since replacing a Service as backend cuts connections off.
 */
export const alb: Router = {
  name: 'alb',
  kinds: [{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }],
  related: [{ apiVersion: 'v1', kind: 'Service' }],
  settleMs: 30_000,
  registersPods: true,
  mine: ({ object }) =>
    classOf(object).includes('alb') || Object.keys(annotationsOf(object)).some((key) => key.startsWith(PREFIX)),
  leadsTo: ({ object }, service) =>
    actionsOf(object).some(({ groups }) => groups.some((group) => field(group, 'serviceName') === service)) ||
    backendsOf(object).includes(service),
  problems,
  wanted: ({ object }, split) => [edited(object, split)],
  // Only AWS itself could tell.
  verify: () => ({ kind: 'unknown' }),
}

interface Action {
  key: string
  action: JsonMap
  groups: JsonMap[]
}

function annotationsOf({ metadata }: KubeObject): Record<string, string> {
  return metadata.annotations ?? {}
}

function classOf(object: KubeObject): string {
  const named = mapAt(object, 'spec')['ingressClassName']
  return typeof named === 'string' ? named : (annotationsOf(object)[LEGACY_CLASS] ?? '')
}

function backendsOf(object: KubeObject): string[] {
  const spec = mapAt(object, 'spec')
  const paths = mapsIn(spec['rules']).flatMap((rule) => mapsIn(mapAt(rule, 'http')['paths']))
  const backends = [...paths.map((path) => mapAt(path, 'backend')), mapAt(spec, 'defaultBackend')]
  return backends.map((backend) => textOf(mapAt(backend, 'service')['name'])).filter((name) => name !== '')
}

/** The controller reads keys whatever their case, and the docs show two styles: what is there is kept. */
function keyOf(map: JsonMap, name: string): string {
  return Object.keys(map).find((key) => key.toLowerCase() === name.toLowerCase()) ?? name
}

function field(map: JsonMap, name: string): Json | undefined {
  return map[keyOf(map, name)]
}

function mapField(map: JsonMap, name: string): JsonMap {
  const value = field(map, name)
  return isMap(value) ? value : {}
}

/** Actions that backends of the Ingress use and that forward to groups of Services. */
function actionsOf(object: KubeObject): Action[] {
  const used = new Set(backendsOf(object))
  return Object.entries(annotationsOf(object)).flatMap(([key, text]): Action[] => {
    if (!key.startsWith(ACTIONS) || !used.has(key.slice(ACTIONS.length))) return []
    const action = read(text)
    return action === undefined
      ? []
      : [{ key, action, groups: mapsIn(field(mapField(action, 'forwardConfig'), 'targetGroups')) }]
  })
}

function read(text: string): JsonMap | undefined {
  try {
    const value = parseJson(text) as Json
    return isMap(value) ? value : undefined
  } catch {
    return undefined
  }
}

function sideOf(groups: JsonMap[], { sides }: Split): Side | undefined {
  return sides.find(({ stable }) => groups.some((group) => field(group, 'serviceName') === stable))
}

function edited(object: KubeObject, split: Split): KubeObject {
  const changed = actionsOf(object).flatMap(({ key, action, groups }): [string, string][] => {
    const side = sideOf(groups, split)
    if (side === undefined) return []
    const forwardKey = keyOf(action, 'forwardConfig')
    const forward = mapField(action, 'forwardConfig')
    const next = {
      ...forward,
      [keyOf(forward, 'targetGroups')]: groups.flatMap((group) => parted(group, groups, side, split.percent)),
    }
    return [[key, stringifyJson({ ...action, [forwardKey]: next })]]
  })
  const annotations = { ...annotationsOf(object), ...Object.fromEntries(changed) }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

function parted(group: JsonMap, groups: JsonMap[], side: Side, percent: number): JsonMap[] {
  if (field(group, 'serviceName') !== side.stable) return [group]
  // Several groups share 999 at most, so the parts of one are those of its own weight.
  const weight = groups.length === 1 ? 100 : Number(field(group, 'weight') ?? 1)
  const canary = Math.round((weight * percent) / 100)
  const weightKey = keyOf(group, 'weight')
  return [
    { ...group, [weightKey]: weight - canary },
    { ...group, [keyOf(group, 'serviceName')]: side.canary, [weightKey]: canary },
  ]
}

function problems(route: Route, split: Split): Problem[] {
  const { object } = route
  const found: Problem[] = targetProblems(route, split)
  const direct = split.sides.filter(
    ({ stable }) =>
      backendsOf(object).includes(stable) &&
      !actionsOf(object).some(({ groups }) => groups.some((group) => field(group, 'serviceName') === stable)),
  )
  for (const { stable } of direct)
    found.push({
      reason: `Service/${stable} is a backend itself: to put an action in its place would delete its target group at once and cut connections off`,
      mend: `write an action with one target group (${ACTIONS}<name>, port use-annotation) that forwards to ${stable}, let it settle, then deploy`,
    })
  for (const { groups, action } of actionsOf(object)) {
    if (sideOf(groups, split) === undefined) continue
    found.push(...groupProblems(groups, split))
    if (isSticky(action, object)) found.push(STICKY)
  }
  const { match, sticky, mirror, pins } = split
  if (match.length > 0 || sticky !== undefined || mirror > 0 || pins.length > 0)
    found.push({
      reason: 'an action parts requests by weight only: match, sticky, mirror and kept versions are not possible',
      mend: 'leave them out, or use the Gateway API',
    })
  return found
}

const STICKY: Problem = {
  reason:
    'its target groups are sticky, which outranks weights: users would stay on a group whose pods are taken away and get 503',
  mend: 'switch stickiness of the action and of its target groups off while a canary is under way',
}

/** By the action, or each group by its attributes, with which a second group would be refused besides. */
function isSticky(action: JsonMap, object: KubeObject): boolean {
  const stickiness = mapField(mapField(action, 'forwardConfig'), 'targetGroupStickinessConfig')
  const attributes = (annotationsOf(object)[`${PREFIX}target-group-attributes`] ?? '').split(',')
  return field(stickiness, 'enabled') === true || attributes.some((each) => each.trim() === 'stickiness.enabled=true')
}

function groupProblems(groups: JsonMap[], split: Split): Problem[] {
  const found: Problem[] = []
  if (groups.some((group) => split.sides.some(({ canary }) => field(group, 'serviceName') === canary)))
    found.push(alreadyThere(split))
  if (groups.length > 4) found.push({ reason: 'an action takes five target groups at most', mend: 'use fewer' })
  const own = groups.filter((group) => split.sides.some(({ stable }) => field(group, 'serviceName') === stable))
  if (new Set(own.map((group) => field(group, 'serviceName'))).size > 1)
    found.push({
      reason: 'one action leads to several Services that this rollout moves',
      mend: 'give each Service an action of its own',
    })
  if (groups.length > 1) for (const group of own) found.push(...weightProblems(Number(field(group, 'weight') ?? 1)))
  return found
}

function weightProblems(weight: number): Problem[] {
  if (weight === 0)
    return [
      {
        reason: 'the Service has the weight 0 in an action, so that it gets no requests to share',
        mend: 'give it a weight',
      },
    ]
  if (weight % 100 === 0) return []
  return [
    {
      reason: `the weight ${weight} beside other groups cannot be parted by the percent`,
      mend: 'give it a weight of 100 or a multiple of it, and the others in proportion',
    },
  ]
}
