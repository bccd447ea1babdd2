import { groupOf } from '../manifests/workload.ts'
import { type KubeObject, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { ReleaseObject } from './input.ts'
import { leavesOut } from './limits.ts'
import { each, namespacesOf, type Need, type NeedsInput, optional, type ResourceName } from './needs.ts'
import { namedOutside } from './named.ts'
import { ruleText, rulesOf } from './role.ts'
import { pollNeeds, stepNeeds } from './step-rights.ts'
import { templatesOf, twinsOf } from './subject.ts'

export { roleFor } from './role.ts'

/** `status` of a SelfSubjectRulesReview. */
export interface RulesReview {
  resourceRules?: { verbs: string[]; apiGroups?: string[]; resources?: string[]; resourceNames?: string[] }[]
  incomplete?: boolean
}

export interface RightsCheck {
  /** refused for sure */
  missing: Need[]
  /** the review is incomplete, so each of these wants a SelfSubjectAccessReview */
  ask: Need[]
  /** not granted, and not needed either: see {@link Need.optional} */
  optional: Need[]
}

/** Compares with the rules reviews, by namespace; cluster-scoped needs are looked up under ''. */
export function compareRights(needs: readonly Need[], reviews: ReadonlyMap<string, RulesReview>): RightsCheck {
  const check: RightsCheck = { missing: [], ask: [], optional: [] }
  for (const need of needs) {
    const review = reviews.get(need.namespace ?? '')
    if (review !== undefined && grants(review, need)) continue
    if (need.optional === true) check.optional.push(need)
    else if (review === undefined || review.incomplete === true) check.ask.push(need)
    else check.missing.push(need)
  }
  return check
}

/** Source: RBAC's rule evaluation. A rule with names grants nothing without a name, above all no create. */
function grants({ resourceRules = [] }: RulesReview, need: Need): boolean {
  const full = need.subresource === undefined ? need.resource : `${need.resource}/${need.subresource}`
  return resourceRules.some(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) => {
    const verb = verbs.includes('*') || verbs.includes(need.verb)
    const group = apiGroups.includes('*') || apiGroups.includes(need.group)
    const every = need.subresource === undefined ? [] : [`*/${need.subresource}`]
    const resource = ['*', full, ...every].some((name) => resources.includes(name))
    const name = resourceNames.length === 0 || (need.name !== undefined && resourceNames.includes(need.name))
    return verb && group && resource && name
  })
}

/** One error that lists what is missing and the rules to add. */
export function rightsFindings(missing: readonly Need[]): Finding[] {
  const needed = missing.filter(({ optional }) => optional !== true)
  if (needed.length === 0) return []
  const texts = [...new Set(needed.map(needText))]
  const shown = `${texts.slice(0, 8).join('; ')}${texts.length > 8 ? `; and ${texts.length - 8} more` : ''}`
  const rules = rulesOf(needed)
    .map(
      ({ namespace, rules }) =>
        `${namespace === undefined ? 'ClusterRole' : `Role in namespace ${namespace}`}: ${rules.map(ruleText).join(', ')}`,
    )
    .join('; ')
  return [
    {
      id: 'rights',
      severity: 'error',
      reason: `the credentials lack ${texts.length === 1 ? 'a right' : `${texts.length} rights`}: ${shown}`,
      mend: `add to their ${rules} (the command rbac prints the whole Role)`,
    },
  ]
}

/** `patch deployments.apps/web in namespace shop` */
export function needText({ verb, group, resource, subresource, name, namespace }: Need): string {
  const full = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`
  return `${verb} ${full}${name === undefined ? '' : ` ${name}`} ${where}`
}

/** The least rights that the commands need, each once. */
export function neededRights(input: NeedsInput): Need[] {
  const acts = input.commands.some((command) => command !== 'status' && command !== 'plan')
  const applies = input.commands.some((command) => command !== 'status')
  const all = [
    // First: a check that needs the same right does need it.
    ...(acts ? pollNeeds(input) : []),
    ...homeNeeds(input, acts),
    ...workloadNeeds(input, acts),
    ...(applies ? objectNeeds(input) : []),
    ...(acts ? stepNeeds(input) : []),
    ...routeNeeds(input, acts),
    ...(applies ? findingNeeds(input) : []),
  ]
  return once(all)
}

/** Each right once; one for all names beats those with a name. Nothing optional is required elsewhere. */
function once(needs: readonly Need[]): Need[] {
  const found = new Map(needs.map((need) => [needText(need), need]))
  return [...found.values()].filter((need) => {
    const { name, ...wide } = need
    return name === undefined || !found.has(needText(wide))
  })
}

/** Record, payloads and lease. Payload names carry a number, so that their rights cannot be narrowed to names. */
function homeNeeds({ app, namespace, objects }: NeedsInput, acts: boolean): Need[] {
  const maps = { group: '', resource: 'configmaps', namespace }
  const name = `headgate-${app}`
  const lease = { group: 'coordination.k8s.io', resource: 'leases', namespace }
  // Who is at work is told where it may be read.
  if (!acts) return [...each(maps, 'get', 'list'), ...optional(each({ ...lease, name }, 'get'))]
  const secret = objects.some(({ kind }) => kind === 'Secret')
  return [
    ...each(maps, 'get', 'list', 'create', 'patch', 'delete'),
    ...(secret ? each({ group: '', resource: 'secrets', namespace }, 'get', 'create', 'patch', 'delete') : []),
    ...each({ ...lease, name }, 'get', 'list', 'watch', 'patch'),
    ...each(lease, 'create'),
  ]
}

function deploymentsOf({ objects }: NeedsInput): KubeObject[] {
  return objects.filter((object) => object.kind === 'Deployment' && groupOf(object) === 'apps')
}

/** Watching what a rollout moves, and moving it. */
function workloadNeeds(input: NeedsInput, acts: boolean): Need[] {
  const { strategy, pods } = input
  const blueGreen = strategy === 'blue-green'
  return namespacesOf(input).flatMap((namespace) => {
    const apps = { group: 'apps', namespace }
    const core = { group: '', namespace }
    const read = ['deployments', 'replicasets'].flatMap((resource) =>
      each({ ...apps, resource }, 'get', 'list', 'watch'),
    )
    const needs = [
      ...read,
      ...['pods', 'services'].flatMap((resource) => each({ ...core, resource }, 'get', 'list', 'watch')),
    ]
    if (!acts) return needs
    needs.push(...optional(each({ ...core, resource: 'pods', subresource: 'log' }, 'get')))
    needs.push(...optional(each({ ...core, resource: 'events' }, 'list')))
    // In place, the old ReplicaSet is guarded before the switch; a preview Service comes and goes.
    if (blueGreen)
      needs.push(
        ...each({ ...apps, resource: 'replicasets' }, 'patch'),
        ...each({ ...core, resource: 'services' }, 'create', 'patch', 'delete'),
      )
    if (blueGreen && pods === 'separate') needs.push(...colorNeeds(input, namespace))
    return needs
  })
}

/** Two colors in turn: Deployments of other names than the manifest's. */
function colorNeeds(input: NeedsInput, namespace: string): Need[] {
  const apps = { group: 'apps', resource: 'deployments', namespace }
  const own = deploymentsOf(input).filter(({ metadata }) => (metadata.namespace ?? input.namespace) === namespace)
  return own.flatMap((object) =>
    twinsOf(refOf(object).name).flatMap((name) => each({ ...apps, name }, 'patch', 'delete')),
  )
}

/** Reading the routes, writing them, and making what a router needs beside them. */
function routeNeeds({ routing, keeps, namespace, resourceOf }: NeedsInput, acts: boolean): Need[] {
  if (routing === undefined) return []
  const { router, routes } = routing
  const nameOf = (object: { apiVersion: string; kind: string }): ResourceName =>
    resourceOf?.(object.apiVersion, object.kind) ?? commonName({ ...object, metadata: {} })
  const objects = routes.map(({ object }) => object)
  // Where no cluster was asked, every kind that the router may edit.
  const edited = objects.length === 0 ? router.kinds : objects
  const kinds = [...new Map([...edited, ...router.related].map((each) => [each.kind, each])).values()]
  const reads = kinds.flatMap((kind) => {
    const { group, resource } = nameOf(kind)
    return each({ group, resource, namespace }, 'get', 'list', 'watch')
  })
  if (!acts) return reads
  const writes =
    objects.length === 0
      ? kinds.flatMap((kind) => {
          const { group, resource } = nameOf(kind)
          return each({ group, resource, namespace }, 'patch')
        })
      : objects.flatMap((object) => {
          const { group, resource } = nameOf(object)
          return each({ group, resource, namespace, name: refOf(object).name }, 'patch')
        })
  const makes = (router.makes ?? []).flatMap((kind) => {
    const { group, resource } = nameOf(kind)
    return each({ group, resource, namespace }, 'get', 'list', 'watch', 'create', 'patch', 'delete')
  })
  return [
    ...reads,
    ...writes,
    ...makes,
    ...(keeps === true ? each({ group: 'apps', resource: 'deployments', namespace }, 'create', 'delete') : []),
    ...each({ group: 'discovery.k8s.io', resource: 'endpointslices', namespace }, 'list', 'watch'),
    ...each({ group: 'apps', resource: 'replicasets', namespace }, 'patch'),
    ...each({ group: '', resource: 'services', namespace }, 'create', 'patch', 'delete'),
  ]
}

/** Applying the objects themselves. Server-side apply patches, and creates what is new; a dry run needs the same. */
function objectNeeds(input: NeedsInput): Need[] {
  return input.objects.flatMap((object) => {
    const { group, resource, namespaced } = input.resourceOf?.(object.apiVersion, object.kind) ?? commonName(object)
    const namespace = object.metadata.namespace ?? input.namespace
    const scope = { group, resource, ...(namespaced ? { namespace } : {}) }
    const { name } = refOf(object)
    return [...each({ ...scope, name }, 'get', 'patch'), ...each(scope, 'create', ...(input.prune ? ['delete'] : []))]
  })
}

/** Kinds of the cluster itself, for manifests that name no namespace. */
const CLUSTER_KINDS = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'PriorityClass',
  'StorageClass',
  'IngressClass',
  'PersistentVolume',
])

/** The usual plural, for a kind that discovery does not know (yet). */
function commonName(object: KubeObject): ResourceName {
  const lower = object.kind.toLowerCase()
  const ending = /(s|x|ch|sh)$/.test(lower)
    ? `${lower}es`
    : /[^aeiou]y$/.test(lower)
      ? `${lower.slice(0, -1)}ies`
      : `${lower}s`
  return { group: groupOf(object), resource: ending, namespaced: !CLUSTER_KINDS.has(object.kind) }
}

/** What only findings need. */
function findingNeeds(input: NeedsInput): Need[] {
  const lists = [
    { group: 'autoscaling', resource: 'horizontalpodautoscalers' },
    { group: 'policy', resource: 'poddisruptionbudgets' },
    { group: '', resource: 'resourcequotas' },
  ]
  if (input.strategy === 'blue-green') lists.push({ group: 'networking.k8s.io', resource: 'ingresses' })
  // A manifest that names no namespace goes into the one of the release.
  const objects = input.objects.map((object) => ({
    object: { ...object, metadata: { namespace: input.namespace, ...object.metadata } },
  }))
  if (hasGaps(objects)) lists.push({ group: '', resource: 'limitranges' })
  const named = namedOutside(objects).flatMap(({ kind, name, namespace }) => {
    const { group, resource } = commonName({ apiVersion: 'v1', kind, metadata: {} })
    return each({ group, resource, namespace: namespace ?? input.namespace, name }, 'get')
  })
  return optional([
    ...namespacesOf(input).flatMap((namespace) => lists.flatMap((list) => each({ ...list, namespace }, 'list'))),
    ...named,
  ])
}

/** A quota may ask for what a container leaves out, and then LimitRanges are looked at. */
function hasGaps(objects: readonly ReleaseObject[]): boolean {
  return templatesOf({ objects }).some(({ template }) => leavesOut(template))
}
