import { lastingContainers, podTemplateOf, targetPorts } from '../manifests/workload.ts'
import {
  type KubeObject,
  keyOf,
  nameOf,
  type OwnerReference,
  type Pod,
  type PodTemplate,
  refOf,
  type Service,
  type ServicePort,
} from '../shared/objects.ts'
import { registersPods } from './balancers.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { routePortRules } from './route-ports.ts'
import {
  findingOn,
  isStrict,
  labelsOf,
  notVerified,
  serviceSelects,
  templatesOf,
  title,
  trafficOf,
  type TrafficService,
  twinsOf,
  unpinned,
  type Workload,
  workloadsOf,
} from './subject.ts'

export function serviceRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const findings = workloads.flatMap((workload) =>
    trafficOf(input, workload).flatMap((service) => [
      ...portRules(input, workload, service),
      ...endpointRules(input, workload, service),
      ...sharedRules(input, workload, service),
    ]),
  )
  findings.push(...routePortRules(input))
  if (input.lists.services === undefined && workloads.some(({ stepped }) => stepped))
    findings.push(
      notVerified(
        'the Services of the namespace',
        'those outside of the release are not known: they do not take part, and may lose requests',
        'grant list on services',
      ),
    )
  return findings
}

/** Containers declare their ports, so that a number that none of them declares is worth a word. */
function declaresPorts(template: PodTemplate): boolean {
  return openPorts(template).length > 0
}

function openPorts(template: PodTemplate): number[] {
  return lastingContainers(template).flatMap(({ ports }) => (ports ?? []).map(({ containerPort }) => containerPort))
}

function portText(port: ServicePort): string {
  return port.name === undefined ? `port ${port.port}` : `port ${port.name} (${port.port})`
}

function targetOf(port: ServicePort): number | string {
  return port.targetPort ?? port.port
}

/** service-port: the port that requests are sent to is one that the pods do not have. */
function portRules(input: PreflightInput, workload: Workload, service: TrafficService): Finding[] {
  const targets = targetPorts(service.wanted, workload.template)
  const findings = targets.flatMap(({ port, target, declared }, index): Finding[] => {
    if (declared || (target !== undefined && !declaresPorts(workload.template))) return []
    const path = ['spec', 'ports', index]
    return [
      target === undefined ? missingName(workload, service, port, path) : undeclared(workload, service, port, path),
    ]
  })
  // What is wrong for good needs no second word about the time until then.
  if (findings.some(({ severity }) => severity === 'error')) return findings
  return [...findings, ...passingPortRules(input, workload, service)]
}

function missingName(
  { manifest }: Workload,
  service: TrafficService,
  port: ServicePort,
  path: (string | number)[],
): Finding {
  return findingOn(service, path, {
    id: 'service-port',
    severity: 'error',
    reason: `${portText(port)} of Service/${service.name} leads to the port named ${targetOf(port)}, which no container of ${title(manifest)} has: its requests are refused`,
    mend: `name a container port ${targetOf(port)}, or correct targetPort`,
  })
}

function undeclared(
  { manifest, template }: Workload,
  service: TrafficService,
  port: ServicePort,
  path: (string | number)[],
): Finding {
  return findingOn(service, path, {
    id: 'service-port',
    severity: 'warning',
    reason: `${portText(port)} of Service/${service.name} leads to ${targetOf(port)}, but ${title(manifest)} declares ${openPorts(template).join(', ')}`,
    mend: 'correct targetPort, or declare the container port',
  })
}

/**
 * Ports of a Service stay as they are until a rolling update or canary is complete, and both versions are behind them: a
 * number that only one version serves means refused requests on the other. A name is looked up in each pod by itself.
 */
function passingPortRules(input: PreflightInput, workload: Workload, service: TrafficService): Finding[] {
  const { live, wanted } = service
  const { template, manifest, stepped } = workload
  if (live === undefined || workload.live === undefined || !stepped) return []
  if (input.strategy !== 'rolling' && input.strategy !== 'canary') return []
  const old = workload.live.spec.template
  const now = targetPorts(live, template)
  const ports = wanted.spec.ports ?? []
  return targetPorts(live, old).flatMap(({ port, declared: oldHas }, index): Finding[] => {
    const newHas = now[index]?.declared === true
    const place = ports.findIndex(
      (other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )
    const later = ports[place]
    const changes = later !== undefined && targetOf(later) !== targetOf(port)
    const named = typeof targetOf(port) === 'string'
    const lost = named ? !newHas : !newHas && (changes || (oldHas && declaresPorts(template)))
    if (!lost) return []
    return [
      findingOn(service, ['spec', 'ports', ...(later === undefined ? [] : [place])], {
        id: 'service-port',
        severity: 'error',
        reason: `${portText(port)} of Service/${service.name} leads to ${named ? 'the port named ' : ''}${targetOf(port)} until the rollout is complete, and the new pods of ${title(manifest)} do not serve that: their share of the requests is refused`,
        mend: 'name the container port the same in both versions and use the name as targetPort, let the new version serve both ports for one release, or use strategy blue-green',
      }),
    ]
  })
}

/** service-headless, publish-not-ready, service-balancer: a switch through such a Service is late or leads to pods that are not ready. */
function endpointRules(input: PreflightInput, workload: Workload, service: TrafficService): Finding[] {
  const blueGreen = input.strategy === 'blue-green' && workload.stepped
  const { clusterIP, publishNotReadyAddresses, type, externalTrafficPolicy } = service.wanted.spec
  const findings: Finding[] = []
  if (clusterIP === 'None' && blueGreen)
    findings.push(
      findingOn(service, ['spec', 'clusterIP'], {
        id: 'service-headless',
        severity: 'error',
        reason: `Service/${service.name} is headless: its clients keep the addresses of pods that DNS gave them, so that a switch does not reach them`,
        mend: 'give it a cluster IP, or use strategy rolling or canary',
      }),
    )
  if (publishNotReadyAddresses === true)
    findings.push(
      findingOn(service, ['spec', 'publishNotReadyAddresses'], {
        id: 'publish-not-ready',
        severity: blueGreen ? 'error' : 'warning',
        reason: `Service/${service.name} sends requests to pods that are not ready (publishNotReadyAddresses)`,
        mend: 'set publishNotReadyAddresses to false; a second, headless Service can serve peers that need to find each other early',
      }),
    )
  const balancer = blueGreen ? registersPods(input, service.wanted) : undefined
  if (balancer !== undefined)
    findings.push(
      findingOn(service, ['metadata', 'name'], {
        id: 'service-balancer',
        severity: 'error',
        reason: `${balancer} registers the pods of Service/${service.name} with a load balancer, which takes 10 to 60 s to know new ones: a switch in one write drops requests meanwhile`,
        mend: 'use strategy canary with a router, which gives each version a Service of its own, or targets of type instance',
      }),
    )
  if (type === 'LoadBalancer' && externalTrafficPolicy === 'Local' && blueGreen)
    findings.push(
      findingOn(service, ['spec', 'externalTrafficPolicy'], {
        id: 'service-balancer',
        severity: 'warning',
        reason: `the load balancer of Service/${service.name} sends requests only to nodes with a pod of the Service (externalTrafficPolicy Local), and takes 10 to 60 s to notice a switch: requests fail meanwhile`,
        mend: 'set externalTrafficPolicy to Cluster, or use strategy rolling or canary',
      }),
    )
  return findings
}

/** service-shared: a Service that also serves pods of somebody else cannot be pinned to one version without cutting those off. */
function sharedRules(input: PreflightInput, workload: Workload, service: TrafficService): Finding[] {
  const { live } = service
  if (!isStrict(input, workload) || live === undefined) return []
  const others = othersBehind(input, workload, live)
  if (others === undefined)
    return [
      notVerified(
        'the Deployments and pods of the namespace',
        `it is not known whether Service/${service.name} serves others' pods as well`,
        'grant list on deployments and pods',
      ),
    ]
  if (others.length === 0) return []
  const names = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`
  const blueGreen = input.strategy === 'blue-green'
  return [
    findingOn(service, ['spec', 'selector'], {
      id: 'service-shared',
      severity: blueGreen ? 'error' : 'warning',
      reason: blueGreen
        ? `Service/${service.name} serves ${title(workload.manifest)} and ${names} as well: a switch to one version of the first would cut the others off`
        : `Service/${service.name} serves ${title(workload.manifest)} and ${names} as well: the share of the new version is smaller than its weight`,
      mend: `give ${title(workload.manifest)} a label of its own and select it in Service/${service.name}`,
    }),
  ]
}

/** Names of what else is behind a Service; undefined when nothing but the release is known. */
function othersBehind(input: PreflightInput, { manifest }: Workload, service: Service): string[] | undefined {
  const { deployments, pods, replicaSets = [] } = input.lists
  if (deployments === undefined && pods === undefined) return undefined
  const selector = unpinned(service)
  const namespace = service.metadata.namespace
  const { name } = refOf(manifest)
  const own = new Set(input.pods === 'separate' ? [name, ...twinsOf(name)] : [name])
  const names = new Set<string>()
  const candidates: KubeObject[] = [...templatesOf(input).map(({ object }) => object), ...(deployments ?? [])]
  for (const object of candidates) {
    const { kind, name } = refOf(object)
    const template = podTemplateOf(object)
    const mine = kind === 'Deployment' && own.has(name)
    const empty = (input.live.get(keyOf(refOf(object))) ?? object)['spec']
    if (mine || template === undefined || object.metadata.namespace !== namespace || isEmpty(empty)) continue
    if (kind !== 'Job' && kind !== 'CronJob' && serviceSelects(selector, labelsOf(template)))
      names.add(`${kind}/${name}`)
  }
  const sets = replicaSets.filter(({ metadata }) => metadata.namespace === namespace)
  const setOwners = new Map(sets.map((set) => [refOf(set).name, controllerOf(set)]))
  for (const pod of pods ?? []) {
    if (pod.metadata.namespace !== namespace || isPassing(pod)) continue
    if (!serviceSelects(selector, pod.metadata.labels ?? {})) continue
    const owner = ownerOf(pod, setOwners)
    if (!owner.startsWith('Deployment/') || !own.has(owner.slice('Deployment/'.length))) names.add(owner)
  }
  return [...names].toSorted()
}

function isEmpty(spec: unknown): boolean {
  return typeof spec === 'object' && spec !== null && 'replicas' in spec && spec.replicas === 0
}

/** It is going or done, and is sent nothing any more, or its Job ends by itself. */
function isPassing(pod: Pod): boolean {
  const done = ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
  return done || pod.metadata.deletionTimestamp !== undefined || controllerOf(pod)?.kind === 'Job'
}

function controllerOf({ metadata: { ownerReferences = [] } }: KubeObject): OwnerReference | undefined {
  return ownerReferences.find(({ controller }) => controller === true)
}

/** The workload that a pod belongs to; a ReplicaSet that was not read is its Deployment's name and a hash. */
function ownerOf(pod: Pod, setOwners: ReadonlyMap<string, OwnerReference | undefined>): string {
  const owner = controllerOf(pod)
  if (owner === undefined) return title(pod)
  const { kind, name } = owner
  if (kind !== 'ReplicaSet') return nameOf(owner)
  if (setOwners.has(name)) return nameOf(setOwners.get(name) ?? owner)
  const hash = pod.metadata.labels?.['pod-template-hash']
  const known = hash !== undefined && name.endsWith(`-${hash}`)
  return known ? `Deployment/${name.slice(0, -hash.length - 1)}` : nameOf(owner)
}
