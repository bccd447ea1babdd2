import { lastingContainers, valueAt } from '../manifests/workload.ts'
import type { Container } from '../shared/objects.ts'
import { leadsTo, registersPods } from './balancers.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { containerPath, findingAt, servingContainers, title, trafficOf, type Workload, workloadsOf } from './subject.ts'

/** API server's default of terminationGracePeriodSeconds, in seconds. */
const GRACE_SECONDS = 30
/** With less than this after preStop, in seconds, only short requests come to their end. */
const LEAST_LEFT_SECONDS = 5

/**
 * How long what sends requests to a pod takes to hear that it ends. `needed`: seconds of preStop sleep below which requests
 * were lost, `good`: what leaves room for a slow moment. Measured with three pods under load: kube-proxy syncs at most once
 * a second; Traefik, which looks every 2 s, lost 65 of 1,043 requests at 1 s and none at 3 s.
 */
const WAYS = {
  service: { needed: 2, good: 5, who: 'nodes follow a change of endpoints within 1 to 2 s' },
  router: { needed: 3, good: 5, who: 'a gateway or ingress controller follows within 2 to 3 s' },
  balancer: { needed: 20, good: 20, who: 'a cloud load balancer follows within 10 to 30 s' },
} as const
type Way = (typeof WAYS)[keyof typeof WAYS]

/** What requests that come too late cost, so that the advice can be weighed. */
const MEASURED =
  'measured in a rolling update of 3 pods at 100 requests/s: 79 of 649 requests refused without, none of 1,046 with 5 s'

export function drainRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => {
    const serving = servingContainers(input, workload)
    const way = wayOf(input, workload)
    return [
      ...serving.flatMap((container) => waitRules(input, workload, container, way)),
      ...lastingContainers(workload.template).flatMap((container) => [
        ...budgetRules(workload, container),
        ...versionRules(input, workload, container),
      ]),
    ]
  })
}

/** The slowest way by which requests come to a workload, as far as it is known. */
function wayOf(input: PreflightInput, workload: Workload): Way {
  const services = trafficOf(input, workload)
  if (services.some(({ wanted }) => registersPods(input, wanted) !== undefined || isWatchedFromOutside(wanted.spec)))
    return WAYS.balancer
  const { namespace } = workload.manifest.metadata
  const objects = [
    ...input.objects.map(({ object }) => object),
    ...(input.lists.ingresses ?? []),
    ...(input.routes ?? []),
  ].filter(({ kind, metadata }) => kind !== 'Service' && metadata.namespace === namespace)
  const routed = services.some(({ name }) => objects.some((object) => leadsTo(object['spec'], name)))
  return routed ? WAYS.router : WAYS.service
}

/** The balancer asks nodes for themselves whether a pod is there. */
function isWatchedFromOutside({
  type,
  externalTrafficPolicy,
}: {
  type?: string
  externalTrafficPolicy?: string
}): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

/** prestop-missing, prestop-short: requests still come to a pod that was told to end. */
function waitRules(input: PreflightInput, workload: Workload, container: Container, way: Way): Finding[] {
  const { manifest, released } = workload
  const { name } = container
  const hook = valueAt(container.lifecycle, ['preStop'])
  const sleep = sleepOf(container)
  const at = containerPath(manifest, name)
  const mend = drainAdvice(input, way.good, graceOf(workload))
  // A command that is no plain sleep is trusted.
  if (hook !== undefined && hook !== null && sleep === undefined) return []
  if (sleep === undefined || sleep === 0)
    return [
      findingAt(released, at, {
        id: 'prestop-missing',
        severity: 'warning',
        reason: `container ${name} of ${title(manifest)} ${sleep === 0 ? 'sleeps 0 s in its preStop hook' : 'has no preStop hook'}, so it ends at once, but requests still arrive: ${way.who} (${MEASURED})`,
        mend,
      }),
    ]
  if (sleep >= way.needed) return []
  return [
    findingAt(released, [...at, 'lifecycle', 'preStop'], {
      id: 'prestop-short',
      severity: 'warning',
      reason: `container ${name} of ${title(manifest)} sleeps ${sleep} s in its preStop hook, but ${way.who}: requests that come after it are refused`,
      mend,
    }),
  ]
}

/** Seconds of a preStop sleep, as an action or as a command; undefined when there is none that can be read. */
function sleepOf(container: Container): number | undefined {
  const action = valueAt(container.lifecycle, ['preStop', 'sleep', 'seconds'])
  if (typeof action === 'number') return action
  const command = valueAt(container.lifecycle, ['preStop', 'exec', 'command'])
  const text = Array.isArray(command) ? command.filter((word) => typeof word === 'string').join(' ') : ''
  const seconds = /(?:^|[\s/])sleep (\d+(?:\.\d+)?)s?(?:\s|;|&|$)/.exec(text)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}

function graceOf({ template }: Workload): number {
  return template.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS
}

/** The sleep action is served from Kubernetes 1.30 on without a feature gate. Source: KEP-3960. */
function servesSleepAction({ serverVersion }: PreflightInput): boolean {
  return serverVersion === undefined || serverVersion.major > 1 || serverVersion.minor >= 30
}

function drainAdvice(input: PreflightInput, seconds: number, grace: number): string {
  const how = servesSleepAction(input)
    ? `lifecycle.preStop.sleep.seconds: ${seconds}`
    : `lifecycle.preStop.exec.command: ["sleep", "${seconds}"]`
  const more = seconds < WAYS.balancer.good ? `, ${WAYS.balancer.good} behind a cloud load balancer` : ''
  const left = grace - seconds
  const room =
    left > 0
      ? `of the ${grace} s until it is killed ${left} s are left for requests`
      : `raise terminationGracePeriodSeconds (${grace} s now) to more than ${seconds} plus the longest request`
  return `set ${how}${more}, and let the server finish its requests when it gets SIGTERM; ${room}`
}

/** prestop-budget: the hook uses up the time that its requests need. */
function budgetRules(workload: Workload, container: Container): Finding[] {
  const { manifest, released } = workload
  const [sleep, grace] = [sleepOf(container), graceOf(workload)]
  if (sleep === undefined || grace - sleep >= LEAST_LEFT_SECONDS || sleep === 0) return []
  const none = sleep >= grace
  const so = none
    ? 'nothing is left for its requests, and the last of them are cut off'
    : `${grace - sleep} s are left for its requests, and those that take longer are cut off`
  return [
    findingAt(released, [...containerPath(manifest, container.name), 'lifecycle', 'preStop'], {
      id: 'prestop-budget',
      severity: none ? 'error' : 'warning',
      reason: `container ${container.name} of ${title(manifest)} sleeps ${sleep} s in its preStop hook, ${none ? 'but' : 'and'} is killed after ${grace} s (terminationGracePeriodSeconds): ${so}`,
      mend: `set terminationGracePeriodSeconds to more than ${sleep} plus the longest request`,
    }),
  ]
}

/** prestop-version: the hook is one that the cluster does not know. */
function versionRules(input: PreflightInput, { manifest, released }: Workload, container: Container): Finding[] {
  const { serverVersion } = input
  const action = valueAt(container.lifecycle, ['preStop', 'sleep'])
  if (action === undefined || serverVersion === undefined || servesSleepAction(input)) return []
  return [
    findingAt(released, [...containerPath(manifest, container.name), 'lifecycle', 'preStop'], {
      id: 'prestop-version',
      severity: 'error',
      reason: `the preStop sleep action of container ${container.name} needs Kubernetes 1.30, and this cluster is ${serverVersion.major}.${serverVersion.minor}`,
      mend: `use exec.command: ["sleep", "${sleepOf(container) ?? WAYS.service.good}"] instead`,
    }),
  ]
}
