import { lastingContainers, resolvedSurge, resolvedUnavailable, targetPorts, valueAt } from '../manifests/workload.ts'
import type { Container, PodTemplate } from '../shared/objects.ts'
import { minimumOf, scalersOf } from './autoscaling.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import {
  containerPath,
  findingAt,
  isStrict,
  replicasOf,
  title,
  trafficOf,
  type TrafficService,
  type Workload,
  workloadsOf,
} from './subject.ts'

/**
 * Seconds that a pod should go on serving after it was told to end: proxies look for changed endpoints about once a
 * second, cloud load balancers and ingress controllers every few.
 */
const DRAIN_SECONDS = 5
/** API server's default of terminationGracePeriodSeconds, in seconds. */
const GRACE_SECONDS = 30

export function podRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => [
    ...trafficRules(input, workload),
    ...budgetRules(input, workload),
    ...unavailableRules(input, workload),
    ...singleRules(input, workload),
  ])
}

/** Containers that answer requests: those behind a Service's port, else all that declare a port, else the only one. */
function servingContainers(template: PodTemplate, services: readonly TrafficService[]): Container[] {
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

/** probe-missing, prestop-missing: what a container behind a Service needs so that no request meets it too early or too late. */
function trafficRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, template, released } = workload
  return servingContainers(template, trafficOf(input, workload)).flatMap((container) => {
    const findings: Finding[] = []
    const at = containerPath(manifest, container.name)
    if (container.readinessProbe === undefined)
      findings.push(
        findingAt(released, at, {
          id: 'probe-missing',
          severity: isStrict(input, workload) ? 'error' : 'warning',
          reason: `container ${container.name} of ${title(manifest)} has no readinessProbe, so it counts as ready, and gets requests, as soon as its process runs`,
          mend: 'add a readinessProbe that asks the port that serves',
        }),
      )
    const sleep = drainSeconds(container)
    if (sleep === undefined || sleep < DRAIN_SECONDS)
      findings.push(
        findingAt(released, at, {
          id: 'prestop-missing',
          severity: sleep === undefined || sleep < 1 ? 'warning' : 'info',
          reason: `container ${container.name} of ${title(manifest)} ${sleep === undefined ? 'has no preStop hook' : `sleeps only ${sleep} s before it ends`}, but requests still arrive for some seconds after a pod was told to end: they are refused`,
          mend: drainAdvice(input),
        }),
      )
    return findings
  })
}

/** Seconds that a preStop hook surely takes; a command that is no plain sleep is trusted. */
function drainSeconds(container: Container): number | undefined {
  const hook = valueAt(container.lifecycle, ['preStop'])
  if (hook === undefined || hook === null) return undefined
  return sleepOf(container) ?? DRAIN_SECONDS
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

/** The sleep action is served from Kubernetes 1.30 on without a feature gate. Source: KEP-3960. */
function servesSleepAction({ serverVersion }: PreflightInput): boolean {
  return serverVersion === undefined || serverVersion.major > 1 || serverVersion.minor >= 30
}

function drainAdvice(input: PreflightInput): string {
  const how = servesSleepAction(input)
    ? `lifecycle.preStop.sleep.seconds: ${DRAIN_SECONDS}`
    : `lifecycle.preStop.exec.command: ["sleep", "${DRAIN_SECONDS}"]`
  return `add ${how}, more behind a cloud load balancer, and let the server finish its requests when it gets SIGTERM`
}

/** prestop-budget, prestop-version: the hook cannot do what it is there for. */
function budgetRules(input: PreflightInput, { template, released, manifest }: Workload): Finding[] {
  const grace = template.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS
  return lastingContainers(template).flatMap((container) => {
    const findings: Finding[] = []
    const at = [...containerPath(manifest, container.name), 'lifecycle', 'preStop']
    const sleep = sleepOf(container)
    if (sleep !== undefined && sleep >= grace)
      findings.push(
        findingAt(released, at, {
          id: 'prestop-budget',
          severity: 'error',
          reason: `container ${container.name} of ${title(manifest)} sleeps ${sleep} s in its preStop hook, but is killed after ${grace} s (terminationGracePeriodSeconds): its last requests are cut off`,
          mend: `set terminationGracePeriodSeconds to more than ${sleep} plus the longest request`,
        }),
      )
    const action = valueAt(container.lifecycle, ['preStop', 'sleep'])
    if (action !== undefined && input.serverVersion !== undefined && !servesSleepAction(input))
      findings.push(
        findingAt(released, at, {
          id: 'prestop-version',
          severity: 'error',
          reason: `the preStop sleep action of container ${container.name} needs Kubernetes 1.30, and this cluster is ${input.serverVersion.major}.${input.serverVersion.minor}`,
          mend: `use exec.command: ["sleep", "${sleep ?? DRAIN_SECONDS}"] instead`,
        }),
      )
    return findings
  })
}

/** max-unavailable: the native rolling update, or the finish of a canary, may take all old pods at once. */
function unavailableRules(input: PreflightInput, { manifest, released, replicas, stepped }: Workload): Finding[] {
  const { strategy } = input
  if (!stepped || (strategy !== 'rolling' && strategy !== 'canary') || replicas === 0) return []
  if (manifest.spec.strategy?.type === 'Recreate') return []
  const unavailable = resolvedUnavailable(manifest.spec, replicas)
  if (unavailable < replicas || (replicas === 1 && strategy === 'canary')) return []
  const named = manifest.spec.strategy?.rollingUpdate?.maxUnavailable
  const surge = resolvedSurge(manifest.spec, replicas)
  return [
    findingAt(released, ['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], {
      id: 'max-unavailable',
      severity: replicas === 1 ? 'warning' : 'error',
      reason: `maxUnavailable ${named ?? '(default)'} of ${title(manifest)} lets all ${replicas} pods be missing at once (maxSurge is ${surge}): nobody may answer while the new ones start`,
      mend: 'set maxUnavailable to 0 and maxSurge to 1 or more',
    }),
  ]
}

/** replicas-one: a single pod is one node drain away from an outage, rollout or not. */
function singleRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released, replicas, stepped } = workload
  const scalers = scalersOf(input, manifest)
  const wanted = scalers.length > 0 ? replicas : replicasOf(manifest)
  if (wanted !== 1 || scalers.some((scaler) => minimumOf(scaler) >= 2)) return []
  if (trafficOf(input, workload).length === 0) return []
  const share =
    input.strategy === 'canary' && stepped ? '; a canary of one pod beside it gets half of the requests' : ''
  return [
    findingAt(released, ['spec', 'replicas'], {
      id: 'replicas-one',
      severity: 'warning',
      reason: `${title(manifest)} has one replica: when its pod or node goes, nobody answers${share}`,
      mend: 'set replicas to 2 or more',
    }),
  ]
}
