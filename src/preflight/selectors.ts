import { groupKindOf, mapOf, selects, valueAt } from '../manifests/workload.ts'
import { jsonEquals } from '../shared/json.ts'
import { type KubeObject, keyOf, type LabelSelector, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import {
  findingAt,
  findingOn,
  isStrict,
  labelsOf,
  labelText,
  serviceSelects,
  servicesOf,
  templatesOf,
  title,
  trafficOf,
  type TrafficService,
  unpinned,
  type Workload,
  workloadsOf,
} from './subject.ts'

/** Kinds whose selector the API server does not let change. Source: apps/v1 validation. */
const IMMUTABLE = new Set(['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'apps/ReplicaSet'])

export function selectorRules(input: PreflightInput): Finding[] {
  return [...ownSelectorRules(input), ...serviceSelectorRules(input)]
}

function selectorOf(object: KubeObject): LabelSelector | undefined {
  // The dry run has the last word on its shape.
  return mapOf(valueAt(object, ['spec', 'selector']))
}

/** selector-immutable, selector-template: what is wrong with the selectors of workloads themselves. */
export function ownSelectorRules(input: PreflightInput): Finding[] {
  const findings: Finding[] = []
  for (const { released, object, template } of templatesOf(input)) {
    if (!IMMUTABLE.has(groupKindOf(object))) continue
    const wanted = selectorOf(object)
    const live = input.live.get(keyOf(refOf(object)))
    const running = live === undefined ? undefined : selectorOf(live)
    if (wanted !== undefined && running !== undefined && !sameSelector(wanted, running))
      findings.push(
        findingAt(released, ['spec', 'selector'], {
          id: 'selector-immutable',
          severity: 'error',
          reason: `${title(object)} selects ${selectorText(running)} in the cluster and ${selectorText(wanted)} in the manifest, and the selector of a ${object.kind} cannot be changed`,
          mend: `keep ${selectorText(running)}, or give the ${object.kind} another name and move the traffic to it`,
        }),
      )
    const labels = labelsOf(template)
    if (wanted !== undefined && !selects(wanted, labels))
      findings.push(
        findingAt(released, ['spec', 'template', 'metadata', 'labels'], {
          id: 'selector-template',
          severity: 'error',
          reason: `${title(object)} selects ${selectorText(wanted)}, but its pods have the labels ${labelText(labels) || '(none)'}, so it would not know them as its own`,
          mend: 'give spec.template.metadata.labels everything that spec.selector asks for',
        }),
      )
  }
  return findings
}

/** Lists in another order are another selector to the API server. Source: ValidateImmutableField of apimachinery. */
function sameSelector(a: LabelSelector, b: LabelSelector): boolean {
  const shape = ({ matchLabels, matchExpressions }: LabelSelector): unknown => [
    matchLabels ?? {},
    (matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
  ]
  return jsonEquals(shape(a), shape(b))
}

function selectorText({ matchLabels, matchExpressions }: LabelSelector): string {
  const expressions = (matchExpressions ?? []).map(({ key, operator, values }) =>
    [key, operator.toLowerCase(), ...(values === undefined ? [] : [`(${values.join(', ')})`])].join(' '),
  )
  return [labelText(matchLabels ?? {}), ...expressions].filter((part) => part !== '').join(', ') || 'everything'
}

/** service-selector: requests would reach no pod, now or during the rollout. */
function serviceSelectorRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const findings = workloads.flatMap((workload) =>
    trafficOf(input, workload).flatMap((service) => lostTraffic(input, workload, service)),
  )
  return [...findings, ...emptyServices(input)]
}

function lostTraffic(input: PreflightInput, workload: Workload, service: TrafficService): Finding[] {
  const { live, wanted } = service
  const { manifest, template } = workload
  if (live === undefined || workload.live === undefined) return []
  if (!serviceSelects(unpinned(live), labelsOf(workload.live.spec.template))) return []
  const labels = labelsOf(template)
  const lacks = (selector: Record<string, string>): string =>
    labelText(Object.fromEntries(Object.entries(selector).filter(([key, value]) => labels[key] !== value)))
  const later = unpinned(wanted)
  if (!serviceSelects(later, labels)) {
    // It may be meant to move to another workload of the release.
    const moves = templatesOf(input).some(
      ({ object, template }) => object !== manifest && serviceSelects(later, labelsOf(template)),
    )
    return [
      findingOn(service, ['spec', 'selector'], {
        id: 'service-selector',
        severity: moves ? 'warning' : 'error',
        reason: `Service/${service.name} sends requests to ${title(manifest)} now, but the new pods do not have ${lacks(later)}, which it selects: they get no request`,
        mend: `keep the label on the pods, or change the selector of Service/${service.name} with it`,
      }),
    ]
  }
  const sideBySide = input.strategy === 'rolling' || input.strategy === 'canary'
  if (serviceSelects(unpinned(live), labels) || !workload.stepped || !sideBySide) return []
  return [
    findingOn(service, ['spec', 'selector'], {
      id: 'service-selector',
      severity: 'error',
      reason: `Service/${service.name} keeps selecting ${labelText(unpinned(live))} until the rollout is complete, but the new pods of ${title(manifest)} do not have ${lacks(unpinned(live))}: they get no request, and the old ones go away`,
      mend: `keep ${lacks(unpinned(live))} on the new pods for this release and drop it in the next, or use strategy blue-green`,
    }),
  ]
}

/** A Service of the release that selects nobody's pods, neither of the release nor what runs. */
function emptyServices(input: PreflightInput): Finding[] {
  const templates = templatesOf(input).map(({ template }) => labelsOf(template))
  const running = [
    ...(input.lists.deployments ?? []).map(({ spec }) => labelsOf(spec.template)),
    ...(input.lists.pods ?? []).map(({ metadata }) => metadata.labels ?? {}),
  ]
  return servicesOf(input).flatMap((service) => {
    const { wanted, released } = service
    const selector = unpinned(wanted)
    if (released === undefined || Object.keys(selector).length === 0 || wanted.spec.type === 'ExternalName') return []
    if ([...templates, ...running].some((labels) => serviceSelects(selector, labels))) return []
    const strict = workloadsOf(input).some((workload) => isStrict(input, workload))
    return [
      findingOn(service, ['spec', 'selector'], {
        id: 'service-selector',
        severity: 'warning',
        reason: `Service/${service.name} selects ${labelText(selector)}, which no pod of this release has: every request to it is refused`,
        mend: `correct the selector, or the labels of the pods${strict ? '; without a Service nothing leads requests to the new version' : ''}`,
      }),
    ]
  })
}
