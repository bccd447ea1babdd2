import { conditionOf, isTerminating } from '../health/pods.ts'
import type { Answer } from './asker.ts'
import type { ProxyTarget } from '../kubernetes/client.ts'
import { selects } from '../manifests/workload.ts'
import type { ServiceRecord } from '../rollout/record.ts'
import type { UpdateChecker } from '../rollout/settings.ts'
import { parseJson } from '../shared/json.ts'
import { valueAtPath } from '../shared/json-path.ts'
import type { Container, Pod, PodTemplate, Service, ServicePort } from '../shared/objects.ts'

/** Whom the update checker asks, what it asks for, and what an answer tells. Pure. */

export interface ServiceTarget {
  proxy: ProxyTarget
  path: string
  /** port of the pods that the Service's port leads to */
  behind: number | string
}

/** The Service that is asked: the one that is named, else the first that takes part; undefined where none does. */
export function serviceOf(
  { service }: UpdateChecker,
  services: readonly ServiceRecord[],
  home: string,
): { namespace: string; name: string } | undefined {
  if (service === undefined) return services[0]
  return services.find(({ name }) => name === service) ?? { namespace: home, name: service }
}

/**
 * Port, scheme and path of a Service: where it leads to the port of a readiness probe, that port and the probe's path;
 * else its first port and `/`.
 */
export function targetOf(
  checker: Pick<UpdateChecker, 'path' | 'port'>,
  { namespace, name }: { namespace: string; name: string },
  live: Service | undefined,
  template: PodTemplate | undefined,
): ServiceTarget {
  const ports = (live?.spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP')
  const wanted = ports.filter((port) => checker.port === undefined || names(port, checker.port))
  const probed = wanted.find((port) => probeBehind(port, template) !== undefined)
  const port = probed ?? wanted[0]
  const probe = probed === undefined ? undefined : probeBehind(probed, template)
  const secure = probe === undefined ? port !== undefined && speaksTls(port) : probe.scheme === 'HTTPS'
  const number = port?.port ?? checker.port ?? 80
  return {
    proxy: { kind: 'Service', namespace, name, port: number, ...(secure ? { scheme: 'https' } : {}) },
    path: checker.path ?? probe?.path ?? '/',
    behind: port?.targetPort ?? number,
  }
}

function names({ name, port }: ServicePort, wanted: string | number): boolean {
  return port === wanted || name === wanted
}

function speaksTls({ name, port, appProtocol }: ServicePort): boolean {
  return appProtocol === 'https' || name === 'https' || port === 443
}

/** The readiness probe over HTTP of the very port that a port of the Service leads to. */
function probeBehind(
  { port, targetPort = port }: ServicePort,
  template: PodTemplate | undefined,
): { path?: string; scheme?: string } | undefined {
  for (const container of template?.spec.containers ?? []) {
    const probe = container.readinessProbe?.httpGet
    const behind = numberOf(container, targetPort)
    if (probe !== undefined && behind !== undefined && numberOf(container, probe.port) === behind) return probe
  }
  return undefined
}

/** A port of a container by its number or name; undefined where it has none of that name. */
function numberOf({ ports = [] }: Container, port: number | string): number | undefined {
  return typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort
}

/**
 * The pods that kube-proxy still sends to while a Service has no other: those that end but are ready, such as in their
 * preStop. The API server's proxy leaves them out. In the order of their names.
 * Source: KEP-1669, ProxyTerminatingEndpoints.
 */
export function lastPodsOf(
  { proxy, behind }: ServiceTarget,
  live: Service | undefined,
  pods: readonly Pod[],
): ProxyTarget[] {
  const selector = live?.spec.selector ?? {}
  if (Object.keys(selector).length === 0) return []
  return pods
    .filter((pod) => isTerminating(pod) && conditionOf(pod, 'Ready')?.status === 'True')
    .filter(({ metadata }) => selects({ matchLabels: selector }, metadata.labels ?? {}))
    .flatMap((pod): ProxyTarget[] => {
      const port = pod.spec.containers.map((each) => numberOf(each, behind)).find((each) => each !== undefined)
      const { name = '', namespace = proxy.namespace } = pod.metadata
      const { scheme } = proxy
      if (port === undefined) return []
      return [{ kind: 'Pod', namespace, name, port, ...(scheme === undefined ? {} : { scheme }) }]
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const LONGEST_VERSION = 80

/**
 * The version that gave an answer; undefined where it does not tell. What it calls itself is read as one of the known
 * texts where it contains one, such as `v1.2.0` for the tag `1.2.0`.
 */
export function versionIn(
  answer: Answer,
  known: readonly string[],
  where: UpdateChecker['version'],
): string | undefined {
  if (where === undefined) return theOneIn([...Object.values(answer.headers), answer.body].join('\n'), known)
  const told = toldBy(answer, where)?.trim().slice(0, LONGEST_VERSION)
  return told === undefined || told === '' ? undefined : (theOneIn(told, known) ?? told)
}

function toldBy({ headers, body }: Answer, where: Exclude<UpdateChecker['version'], undefined>): string | undefined {
  switch (where.kind) {
    case 'header':
      return headers[where.name.toLowerCase()]
    case 'pattern':
      return new RegExp(where.pattern).exec(body)?.[1]
    case 'json': {
      const value = valueAt(body, where.path)
      return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
    }
  }
}

function valueAt(body: string, path: string): unknown {
  try {
    return valueAtPath(parseJson(body), path)
  } catch {
    return undefined
  }
}

/** The only one of the texts that stands there as a whole word; undefined where none does, or several. */
function theOneIn(text: string, known: readonly string[]): string | undefined {
  const found = [...new Set(known)].filter((version) => wordOf(version).test(text))
  return found.length === 1 ? found[0] : undefined
}

/** `0.1.0` and `v0.1.0`, but not `10.1.0`, `0.1.0.7` or `0.1.0-rc.1`. */
function wordOf(version: string): RegExp {
  const literal = version.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
  return new RegExp(String.raw`(?<![\w.-])v?${literal}(?![\w+-]|\.\w)`)
}

/** The API server found no pod of a Service that is ready and stays. */
export function hasNoEndpoints(answer: Answer): boolean {
  return answer.status === 503 && apiServerText(answer)?.startsWith('no endpoints available') === true
}

/** What the API server says of a request that it did not pass on, or could not; undefined for an answer of the app. */
export function apiServerText({ status, body }: Answer): string | undefined {
  if (status < 400) return undefined
  if (/^error trying to reach service/i.test(body)) return body.trim()
  const value = valueAt(body, '$')
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, apiVersion, message } = value as { kind?: unknown; apiVersion?: unknown; message?: unknown }
  if (kind !== 'Status' || apiVersion !== 'v1') return undefined
  return typeof message === 'string' ? message : `status ${status}`
}
