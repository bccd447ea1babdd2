import { lastingContainers, valueAt } from '../manifests/workload.ts'
import { jsonEquals } from '../shared/json.ts'
import type { Container, Json, JsonMap, Probe } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { containerPath, findingAt, isStrict, servingContainers, title, type Workload, workloadsOf } from './subject.ts'

/** API server's defaults. */
const PERIOD_SECONDS = 10
const FAILURES = 3

export function probeRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => [
    ...servingContainers(input, workload).flatMap((container) => [
      ...missingProbe(input, workload, container),
      ...sameProbe(workload, container),
    ]),
    ...lastingContainers(workload.template).flatMap((container) => portRules(workload, container)),
  ])
}

/** probe-missing: what makes requests wait until a pod can answer. */
function missingProbe(input: PreflightInput, workload: Workload, container: Container): Finding[] {
  const { manifest, released } = workload
  const { name, livenessProbe, readinessProbe } = container
  if (readinessProbe !== undefined) return []
  const other =
    livenessProbe === undefined
      ? ''
      : '; its livenessProbe restarts it when it hangs, and keeps no request away from it'
  return [
    findingAt(released, containerPath(manifest, name), {
      id: 'probe-missing',
      severity: isStrict(input, workload) ? 'error' : 'warning',
      reason: `container ${name} of ${title(manifest)} has no readinessProbe, so it counts as ready, and gets requests, as soon as its process runs${other}`,
      mend:
        livenessProbe === undefined
          ? 'add a readinessProbe that asks the port that serves'
          : 'add a readinessProbe that asks the port that serves, and let the livenessProbe be more patient than it',
    }),
  ]
}

/** probe-same: a pod that is only busy is killed by the time at which it would have been left alone. */
function sameProbe({ manifest, released }: Workload, container: Container): Finding[] {
  const { name, livenessProbe: liveness, readinessProbe: readiness } = container
  if (liveness === undefined || readiness === undefined) return []
  const [killed, out] = [patienceOf(liveness), patienceOf(readiness)]
  if (killed > out || !jsonEquals(handlerOf(liveness, container), handlerOf(readiness, container))) return []
  return [
    findingAt(released, [...containerPath(manifest, name), 'livenessProbe'], {
      id: 'probe-same',
      severity: 'warning',
      reason: `livenessProbe and readinessProbe of container ${name} of ${title(manifest)} ask the same, and the first gives up after ${killed} s, the second after ${out} s: a pod that is only busy is killed, with its requests, instead of getting none for a while`,
      mend: `let the livenessProbe wait longer than ${out} s (failureThreshold times periodSeconds), ask something that needs no other service, or leave it out`,
    }),
  ]
}

/** Seconds of failing until the probe acts. */
function patienceOf({ failureThreshold = FAILURES, periodSeconds = PERIOD_SECONDS }: Probe): number {
  return failureThreshold * periodSeconds
}

/** What a probe asks, with the server's defaults filled in and names of ports as numbers. */
function handlerOf(probe: Probe, container: Container): JsonMap {
  const { httpGet, tcpSocket, exec } = probe
  if (httpGet !== undefined)
    return { path: '/', scheme: 'HTTP', ...httpGet, port: portOf(httpGet.port, container) ?? httpGet.port }
  if (tcpSocket !== undefined) return { ...tcpSocket, port: portOf(tcpSocket.port, container) ?? tcpSocket.port }
  return { exec: exec?.command ?? null, grpc: grpcOf(probe['grpc']) }
}

/** No service name is the same as an empty one. */
function grpcOf(grpc: Json | undefined): Json {
  return grpc === undefined ? null : { port: valueAt(grpc, ['port']), service: valueAt(grpc, ['service']) ?? '' }
}

/** A name is looked up among the ports of the same container only. Source: resolveContainerPort of the kubelet. */
function portOf(port: number | string, { ports }: Container): number | undefined {
  return typeof port === 'number' ? port : (ports ?? []).find(({ name }) => name === port)?.containerPort
}

const PROBES = [
  { field: 'readinessProbe', so: 'so the pod never becomes ready' },
  { field: 'startupProbe', so: 'so the pod never counts as started, and never becomes ready' },
  { field: 'livenessProbe', so: 'so it is never carried out, and a pod that hangs stays' },
] as const
const HANDLERS = ['httpGet', 'tcpSocket', 'grpc'] as const

/** probe-port: a probe asks a port that the container does not have, or does not speak of. */
function portRules({ manifest, released }: Workload, container: Container): Finding[] {
  const open = container.ports ?? []
  return PROBES.flatMap(({ field, so }) =>
    HANDLERS.flatMap((handler): Finding[] => {
      const port = valueAt(container[field], [handler, 'port'])
      if (typeof port !== 'number' && typeof port !== 'string') return []
      const named = typeof port === 'string' && !/^\d+$/.test(port)
      const known = named ? open.some(({ name }) => name === port) : open.some((each) => each.containerPort === +port)
      if (known || (!named && open.length === 0)) return []
      const declares =
        open.length === 0
          ? 'no port'
          : open
              .map((each) => [each.name, each.containerPort].filter((part) => part !== undefined).join(' '))
              .join(', ')
      const asks = `the ${field} of container ${container.name} of ${title(manifest)} asks port ${port}`
      return [
        findingAt(released, [...containerPath(manifest, container.name), field, handler, 'port'], {
          id: 'probe-port',
          severity: named ? 'error' : 'info',
          reason: named
            ? `${asks} by name, and the container declares ${declares}: it cannot be found, ${so}`
            : `${asks}, and the container declares ${declares}: that works when the process listens there`,
          mend: named
            ? 'declare a port of that name in this container, or write the number'
            : 'correct the number, or declare it',
        }),
      ]
    }),
  )
}
