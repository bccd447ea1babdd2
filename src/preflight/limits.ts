import { listOf, mapOf, templatePathOf, valueAt } from '../manifests/workload.ts'
import { type Container, type JsonMap, type KubeObject, keyOf, type PodTemplate, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, isUnchanged, notVerified, templatesOf, title } from './subject.ts'

/** A quota on one of these lets no pod in that does not say how much it takes. Source: validationSet of quota's pod evaluator. */
const DEMANDS = new Map<string, { side: 'requests' | 'limits'; what: 'cpu' | 'memory' }>(
  (['cpu', 'memory'] as const).flatMap((what) => [
    [what, { side: 'requests', what }],
    [`requests.${what}`, { side: 'requests', what }],
    [`limits.${what}`, { side: 'limits', what }],
  ]),
)

/** Namespaces in which a quota asks what a container of the release does not say, so that LimitRanges matter. */
export function namespacesWithGaps(objects: readonly ReleaseObject[], quotas: readonly KubeObject[]): string[] {
  const found = templatesOf({ objects }).flatMap(({ object, template }) => {
    const { namespace } = object.metadata
    const gaps = quotas.some((quota) => quota.metadata.namespace === namespace && gapsOf(quota, template).length > 0)
    return gaps && namespace !== undefined ? [namespace] : []
  })
  return [...new Set(found)]
}

/** Some container does not say how much it takes of what a quota can count. */
export function leavesOut(template: PodTemplate): boolean {
  return (
    gapsOf({ spec: { hard: Object.fromEntries([...DEMANDS.keys()].map((name) => [name, '1'])) } }, template).length > 0
  )
}

interface Gap {
  container: Container
  field: 'containers' | 'initContainers'
  index: number
  /** `limits.cpu`, as the quota calls it */
  resource: string
}

/** What a quota demands and a template's containers do not say. */
function gapsOf(quota: JsonMap, { spec }: PodTemplate): Gap[] {
  const hard = mapOf(valueAt(quota, ['spec', 'hard'])) ?? {}
  // Amounts for the whole pod stand for its containers.
  const whole = spec['resources']
  return Object.keys(hard).flatMap((resource) => {
    const demand = DEMANDS.get(resource)
    if (demand === undefined || says(whole, demand)) return []
    return (['containers', 'initContainers'] as const).flatMap((field) =>
      (spec[field] ?? []).flatMap((container, index): Gap[] =>
        says(container['resources'], demand) ? [] : [{ container, field, index, resource }],
      ),
    )
  })
}

/** A request that is not set equals the limit. Source: core/v1 defaulting. */
function says(resources: Container['resources'], { side, what }: { side: string; what: string }): boolean {
  const given = (which: string): boolean => (valueAt(resources, [which, what]) ?? null) !== null
  return given(side) || (side === 'requests' && given('limits'))
}

/** limitrange: a quota denies every pod that does not say what it takes, and nothing says it for the containers. */
export function limitRules(input: PreflightInput): Finding[] {
  const { quotas = [], limitRanges } = input.lists
  const namespaces = namespacesWithGaps(input.objects, quotas)
  if (namespaces.length === 0) return []
  if (limitRanges === undefined)
    return [
      notVerified(
        'the LimitRanges',
        'it is not known whether containers that name no requests or limits get them from there, as a ResourceQuota demands',
        'grant list on limitranges',
      ),
    ]
  const ranges = [...limitRanges, ...releasedRanges(input)]
  return templatesOf(input).flatMap(({ released, object, template }) =>
    quotas
      .filter((quota) => quota.metadata.namespace === object.metadata.namespace)
      .flatMap((quota) => quotaRule(input, released, template, quota, ranges)),
  )
}

/** LimitRanges that come with the release, before the pods; as the server would store them where it told. */
function releasedRanges({ objects, dryRuns }: PreflightInput): KubeObject[] {
  return objects.flatMap(({ object }) => {
    if (object.kind !== 'LimitRange') return []
    const answer = dryRuns?.get(keyOf(refOf(object)))
    return [answer?.kind === 'ok' ? answer.object : object]
  })
}

function quotaRule(
  input: PreflightInput,
  released: ReleaseObject,
  template: PodTemplate,
  quota: KubeObject,
  ranges: readonly KubeObject[],
): Finding[] {
  const { object } = released
  const own = ranges.filter(({ metadata }) => metadata.namespace === object.metadata.namespace)
  const gaps = gapsOf(quota, template).filter(({ resource }) => !isDefaulted(own, resource))
  const [first] = gaps
  if (first === undefined) return []
  const resources = [...new Set(gaps.map(({ resource }) => resource))].join(', ')
  const containers = [...new Set(gaps.map(({ container }) => container.name))].join(', ')
  const scoped =
    listOf(valueAt(quota, ['spec', 'scopes'])).length > 0 || valueAt(quota, ['spec', 'scopeSelector']) !== undefined
  const same = isUnchanged(input, object)
  const but = scoped
    ? ' (the quota may not count these pods: it has scopes)'
    : same
      ? '; those that run stay, but none that ends is replaced'
      : ''
  return [
    findingAt(released, [...(templatePathOf(object) ?? []), 'spec', first.field, first.index], {
      id: 'limitrange',
      severity: scoped || same ? 'warning' : 'error',
      reason: `${title(quota)} counts ${resources}, and container ${containers} of ${title(object)} does not say how much it takes, nor does a LimitRange: every new pod is denied${but}`,
      mend: `set resources (${resources}) of the container, or add a LimitRange with defaults`,
    }),
  ]
}

/** A LimitRange fills it in for every container. Source: SetDefaults_LimitRangeItem. */
function isDefaulted(ranges: readonly KubeObject[], resource: string): boolean {
  const demand = DEMANDS.get(resource)
  const fields = demand?.side === 'limits' ? ['default', 'max'] : ['defaultRequest', 'default', 'min', 'max']
  return ranges
    .flatMap((range) => listOf(valueAt(range, ['spec', 'limits'])))
    .some(
      (limit) =>
        valueAt(limit, ['type']) === 'Container' &&
        fields.some((field) => valueAt(limit, [field, demand?.what ?? '']) !== undefined),
    )
}
