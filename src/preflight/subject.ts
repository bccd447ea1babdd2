import {
  isDeployment,
  isService,
  lastingContainers,
  podTemplateOf,
  selects,
  targetPorts,
  templateEquals,
} from '../manifests/workload.ts'
import {
  type Container,
  type Deployment,
  keyOf,
  type KubeObject,
  type LabelSelector,
  nameOf,
  type PodTemplate,
  refOf,
  type Service,
} from '../shared/objects.ts'
import { APP_LABEL } from '../strategies/services.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'

/** A Deployment of the release beside what runs now. */
export interface Workload {
  released: ReleaseObject
  manifest: Deployment
  live: Deployment | undefined
  /** as the server would store it, where the dry run told; else the manifest's */
  template: PodTemplate
  /** it goes through the steps of the strategy: it runs, and its template changes */
  stepped: boolean
  /** it runs, and the server says that its template stays as it is */
  unchanged: boolean
  /** replicas that it has or, when new, will have */
  replicas: number
  /** replicas that it will have once the rollout is complete */
  coming: number
}

/** A Service that sends requests to a workload: what it is now and what the release makes of it. */
export interface TrafficService {
  name: string
  live: Service | undefined
  /** the release's, or the one that runs where the release has none of that name */
  wanted: Service
  released: ReleaseObject | undefined
}

/** Labels that Headgate (or a hand-made blue/green) adds to selectors by itself. */
const PINS = ['pod-template-hash', 'color']

export function workloadsOf(input: PreflightInput): Workload[] {
  return input.objects.flatMap((released) => {
    const { object } = released
    return isDeployment(object) ? [workloadOf(input, released, object)] : []
  })
}

function workloadOf(input: PreflightInput, released: ReleaseObject, manifest: Deployment): Workload {
  const live = activeOf(input, manifest)
  const answer = input.dryRuns?.get(keyOf(refOf(manifest)))
  const dry = answer?.kind === 'ok' && isDeployment(answer.object) ? answer.object : undefined
  const template = (dry ?? manifest).spec.template
  const same = dry !== undefined && live !== undefined && templateEquals(dry.spec.template, live.spec.template)
  const plain = input.plain?.includes(refOf(manifest).name) === true
  const stepped = live !== undefined && replicasOf(live) > 0 && !same && !plain
  const replicas = replicasOf(live ?? dry ?? manifest)
  const coming = replicasOf(dry ?? live ?? manifest)
  return { released, manifest, live, template, stepped, unchanged: same, replicas, coming }
}

/** Replicas that it asks for; the API server's default is 1. */
export function replicasOf({ spec }: Deployment): number {
  return spec.replicas ?? 1
}

/** The two colors of a workload, and the name without, whichever it has. */
export function twinsOf(name: string): string[] {
  const base = name.replace(/-(blue|green)$/, '')
  return [base, `${base}-blue`, `${base}-green`]
}

/** The Deployment that serves now: the one of the same name or, in the separate form, of the other color. */
function activeOf(input: PreflightInput, manifest: Deployment): Deployment | undefined {
  const { name, namespace = '' } = refOf(manifest)
  const found = input.live.get(keyOf(refOf(manifest)))
  const own = found !== undefined && isDeployment(found) ? found : undefined
  if (input.pods !== 'separate') return own
  const named = input.active?.[`${namespace}/${name}`]
  const names = named === undefined ? twinsOf(name).filter((each) => each !== name) : [named]
  const others = (input.lists.deployments ?? []).filter(({ metadata }) => metadata.namespace === namespace)
  const other = others.find((each) => names.includes(refOf(each).name) && replicasOf(each) > 0)
  return other ?? own
}

/** Both versions run side by side, so that what would only be unclean elsewhere loses requests. */
export function isStrict({ strategy }: PreflightInput, { stepped }: Workload): boolean {
  return stepped && (strategy === 'canary' || strategy === 'blue-green')
}

export function labelsOf(template: PodTemplate): Record<string, string> {
  return template.metadata?.labels ?? {}
}

/** The selector of a Service without pins, so that it tells which workload is meant, not which version. */
export function unpinned({ spec }: Service): Record<string, string> {
  return Object.fromEntries(Object.entries(spec.selector ?? {}).filter(([key]) => !PINS.includes(key)))
}

/** An empty selector selects nothing here: such a Service has its endpoints made by hand. */
export function serviceSelects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.keys(selector).length > 0 && selects({ matchLabels: selector }, labels)
}

/** Services that send requests to a workload now, or will when the release is live. */
export function trafficOf(input: PreflightInput, { manifest, live, template }: Workload): TrafficService[] {
  const namespace = manifest.metadata.namespace
  return servicesOf(input)
    .filter(({ wanted }) => wanted.metadata.namespace === namespace)
    .filter((service) => {
      const now =
        service.live !== undefined &&
        live !== undefined &&
        serviceSelects(unpinned(service.live), labelsOf(live.spec.template))
      return now || serviceSelects(unpinned(service.wanted), labelsOf(template))
    })
}

/** Containers that answer requests: those behind a Service's port, else all that declare a port, else the only one. */
export function servingContainers(input: PreflightInput, workload: Workload): Container[] {
  const { template } = workload
  const services = trafficOf(input, workload)
  if (services.length === 0) return []
  const all = lastingContainers(template)
  const targets = services.flatMap(({ wanted }) => targetPorts(wanted, template))
  const behind = all.filter(({ ports }) =>
    (ports ?? []).some((port) => targets.some(({ target, declared }) => declared && target === port.containerPort)),
  )
  if (behind.length > 0) return behind
  const open = all.filter(({ ports }) => (ports ?? []).length > 0)
  return open.length > 0 ? open : all.slice(0, 1)
}

/** All Services of the release and, where they could be listed, of its namespaces. */
export function servicesOf({ objects, live, lists }: PreflightInput): TrafficService[] {
  const found = new Map<string, TrafficService>()
  for (const service of lists.services ?? []) {
    // A preview that an earlier rollout left is Headgate's own.
    if (service.metadata.labels?.[APP_LABEL] !== undefined) continue
    const ref = refOf(service)
    found.set(keyOf(ref), { name: ref.name, live: service, wanted: service, released: undefined })
  }
  for (const released of objects) {
    const { object } = released
    if (!isService(object)) continue
    const ref = refOf(object)
    const running = live.get(keyOf(ref))
    const before = found.get(keyOf(ref))?.live ?? (running !== undefined && isService(running) ? running : undefined)
    found.set(keyOf(ref), { name: ref.name, live: before, wanted: object, released })
  }
  return [...found.values()]
}

/** Whether a selector of an API object (a budget, a workload) picks a template. */
export function selectorPicks(selector: LabelSelector | undefined, template: PodTemplate): boolean {
  return selects(selector, labelsOf(template))
}

/** Objects of a release that make pods, with their templates. */
export function templatesOf(
  input: Pick<PreflightInput, 'objects'>,
): { released: ReleaseObject; object: KubeObject; template: PodTemplate }[] {
  return input.objects.flatMap((released) => {
    const template = podTemplateOf(released.object)
    return template === undefined ? [] : [{ released, object: released.object, template }]
  })
}

/** It runs, and the server says that its pods stay as they are: what only new pods lack harms nobody yet. */
export function isUnchanged(input: PreflightInput, object: KubeObject): boolean {
  const key = keyOf(refOf(object))
  const [live, answer] = [input.live.get(key), input.dryRuns?.get(key)]
  if (live === undefined || answer?.kind !== 'ok') return false
  const [before, after] = [podTemplateOf(live), podTemplateOf(answer.object)]
  return before !== undefined && after !== undefined && templateEquals(before, after)
}

/** A finding about an object of the release, placed at a field of it where that can be found. */
export function findingAt(
  released: ReleaseObject,
  path: readonly (string | number)[],
  rest: Omit<Finding, 'object' | 'place'>,
): Finding {
  const place = released.placeOf?.(path) ?? released.place
  return { ...rest, object: refOf(released.object), ...(place === undefined ? {} : { place }) }
}

/** A finding about an object that only runs, or about the release's manifest of it when it has one. */
export function findingOn(
  { wanted, released }: TrafficService,
  path: readonly (string | number)[],
  rest: Omit<Finding, 'object' | 'place'>,
): Finding {
  return released === undefined ? { ...rest, object: refOf(wanted) } : findingAt(released, path, rest)
}

/** Something could not be read, so that a rule could not look. */
export function notVerified(what: string, so: string, mend: string): Finding {
  return { id: 'not-verified', severity: 'info', reason: `${what} could not be read, so ${so}`, mend }
}

export function title(object: KubeObject): string {
  return nameOf(refOf(object))
}

/** `{a: 1}` as people write selectors: `a=1` */
export function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/**
 * `spec.template.spec.containers[0]` and the like as a path into the manifest. A container that only the cluster has (a
 * webhook or somebody else put it there) stands nowhere in it.
 */
export function containerPath({ spec: { template } }: Deployment, name: string): (string | number)[] {
  const { spec } = template
  const at = (list: readonly { name: string }[] | undefined): number =>
    list?.findIndex((each) => each.name === name) ?? -1
  const main = at(spec.containers)
  const init = at(spec.initContainers)
  if (main < 0 && init < 0) return ['spec', 'template', 'spec']
  return ['spec', 'template', 'spec', ...(main >= 0 ? ['containers', main] : ['initContainers', init])]
}

export function countText(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
