import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, badRequest, invalid } from '../errors.ts'
import type { Objects } from '../objects.ts'
import { jsonPatch } from '../patches/json-patch.ts'
import { mergePatch } from '../patches/merge-patch.ts'
import { mapMatches, selectorMatches } from '../selectors.ts'
import { asObject, clone, ensureMap, isMap, mapAt, mapsAt, numberAt, textAt, texts, plainText } from '../values.ts'
import { contentTypeOf, parseBody } from './body.ts'
import { type Answer, type ApiRequest, isTrue, jsonAnswer, type Target } from './request.ts'

/** What the simulated kubelets answer about their pods. */
export interface PodDoor {
  logs(pod: KubeObject, container: string, previous: boolean): string[] | undefined
  http(
    pod: KubeObject,
    port: number,
    request: { method: string; path: string; headers: Record<string, string>; body: string },
  ): Promise<Answer | undefined>
}

export class Subresources {
  readonly #objects: Objects
  readonly #pods: PodDoor
  #turn = 0

  constructor(objects: Objects, pods: PodDoor) {
    this.#objects = objects
    this.#pods = pods
  }

  // --- scale

  scale(target: Target, request: ApiRequest): Answer {
    const { resource, namespace, name } = target
    const live = this.#objects.get(resource, namespace, name)
    const current = scaleOf(live)
    if (request.method === 'GET') return jsonAnswer(200, current)
    const body = parseBody(request.body, 'application/json', 'Scale')
    const sent =
      request.method === 'PUT'
        ? body
        : contentTypeOf(request) === 'application/json-patch+json'
          ? jsonPatch(current, body)
          : mergePatch(current, isMap(body) ? body : {})
    const replicas = numberAt(sent, 'spec', 'replicas') ?? 0
    if (replicas < 0)
      throw invalid('autoscaling', 'Scale', name, [
        {
          reason: 'Invalid',
          field: 'spec.replicas',
          message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
        },
      ])
    const next = clone(live)
    delete next.metadata.managedFields
    ensureMap(next, 'spec')['replicas'] = replicas
    const version = textAt(sent, 'metadata', 'resourceVersion')
    if (version === undefined) delete next.metadata.resourceVersion
    else next.metadata.resourceVersion = version
    const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? ''
    const dryRun = request.query.get('dryRun') === 'All'
    const updated = this.#objects.update(resource, live, next, {
      manager: request.query.get('fieldManager') ?? agent,
      subresource: 'scale',
      dryRun,
    })
    return jsonAnswer(200, scaleOf(updated))
  }

  // --- logs

  log(target: Target, request: ApiRequest): Answer {
    const pod = this.#objects.get(target.resource, target.namespace, target.name)
    const { query } = request
    const names = [...mapsAt(pod, 'spec', 'initContainers'), ...mapsAt(pod, 'spec', 'containers')].map(
      (c) => textAt(c, 'name') ?? '',
    )
    const container = query.get('container') ?? (names.length === 1 ? names[0] : undefined) ?? ''
    if (container === '')
      throw badRequest(`a container name must be specified for pod ${target.name}, choose one of: [${names.join(' ')}]`)
    if (!names.includes(container)) throw badRequest(`container ${container} is not valid for pod ${target.name}`)
    const previous = isTrue(query.get('previous'))
    const lines = this.#pods.logs(pod, container, previous)
    if (lines === undefined) throw badRequest(noLogs(pod, container, previous))
    const tail = query.get('tailLines')
    const shown = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)))
    const text = shown.map((line) => `${line}\n`).join('')
    const limit = Number(query.get('limitBytes') ?? 0)
    const body = limit > 0 ? text.slice(0, limit) : text
    return { status: 200, headers: { 'content-type': 'text/plain' }, body }
  }

  // --- eviction

  evict(target: Target, request: ApiRequest): Answer {
    const pod = this.#objects.get(target.resource, target.namespace, target.name)
    const body = parseBody(request.body, 'application/json', 'Eviction')
    const budget = this.#budgetFor(pod)
    const allowed = numberAt(budget, 'status', 'disruptionsAllowed') ?? 0
    if (budget !== undefined && allowed < 1) throw disruptionRefused(budget)
    if (budget !== undefined) this.#spend(budget)
    const options = mapAt(body, 'deleteOptions')
    const grace = numberAt(options, 'gracePeriodSeconds')
    this.#objects.delete(target.resource, pod, grace === undefined ? {} : { gracePeriodSeconds: grace })
    return jsonAnswer(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
  }

  #budgetFor(pod: KubeObject): KubeObject | undefined {
    return this.#objects.store
      .list('policy/poddisruptionbudgets', pod.metadata.namespace ?? '')
      .find((budget) => selectorMatches(mapAt(budget, 'spec')['selector'], pod.metadata.labels ?? {}))
  }

  #spend(budget: KubeObject): void {
    const resource = this.#objects.resources.named('pdb')
    const next = clone(budget)
    const status = ensureMap(next, 'status')
    status['disruptionsAllowed'] = (numberAt(status, 'disruptionsAllowed') ?? 1) - 1
    this.#objects.update(resource, budget, next, { manager: 'kube-apiserver', subresource: 'status' })
  }

  // --- proxy

  async proxy(target: Target, request: ApiRequest): Promise<Answer> {
    const [, name = '', port = ''] = /^(?:https?:)?([^:]+)(?::(.*))?$/.exec(target.name) ?? []
    const pod =
      target.resource.key === '/pods'
        ? {
            object: this.#objects.get(target.resource, target.namespace, name),
            port: podPort(this.#objects, target, name, port),
          }
        : this.#backend(target, name, port)
    const query = request.query.toString()
    const path = `/${target.rest}${query === '' ? '' : `?${query}`}`
    const answer = await this.#pods.http(pod.object, pod.port, {
      method: request.method,
      path,
      headers: request.headers,
      body: request.body,
    })
    if (answer !== undefined) return answer
    const address = `${textAt(pod.object, 'status', 'podIP') ?? ''}:${pod.port}`
    throw new ApiError(
      503,
      'ServiceUnavailable',
      `error trying to reach service: dial tcp ${address}: connect: connection refused`,
    )
  }

  #backend(target: Target, name: string, port: string): { object: KubeObject; port: number } {
    const service = this.#objects.get(target.resource, target.namespace, name)
    const ports = mapsAt(service, 'spec', 'ports')
    const wanted =
      port === '' && ports.length === 1
        ? ports[0]
        : ports.find((p) => plainText(p['port']) === port || p['name'] === port)
    if (wanted === undefined)
      throw new ApiError(503, 'ServiceUnavailable', `no service port ${port} found for service "${name}"`)
    const ready = this.#objects.store
      .list('/pods', target.namespace)
      .filter((pod) => mapMatches(mapAt(service, 'spec')['selector'], pod.metadata.labels ?? {}))
      .filter(
        (pod) =>
          pod.metadata.deletionTimestamp === undefined &&
          mapsAt(pod, 'status', 'conditions').some((c) => c['type'] === 'Ready' && c['status'] === 'True'),
      )
    // The server picks one at random; in turn is as good, and the same in every run.
    const pod = ready[this.#turn++ % Math.max(1, ready.length)]
    if (pod === undefined) throw new ApiError(503, 'ServiceUnavailable', `no endpoints available for service "${name}"`)
    return { object: pod, port: portNumber(pod, wanted['targetPort'] ?? wanted['port'] ?? 80) }
  }
}

/** A port of a pod by number or by name. */
export function portNumber(pod: KubeObject, port: unknown): number {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(String(port))) return Number(port)
  for (const container of mapsAt(pod, 'spec', 'containers'))
    for (const item of mapsAt(container, 'ports'))
      if (item['name'] === port) return numberAt(item, 'containerPort') ?? 0
  return 0
}

function podPort(objects: Objects, target: Target, name: string, port: string): number {
  const pod = objects.get(target.resource, target.namespace, name)
  // A real server looks names up for Services alone; for a pod it drops the connection (Kubernetes 1.36).
  if (port !== '' && !/^\d+$/.test(port))
    throw new ApiError(500, 'InternalError', `a pod's proxy knows no port by the name ${port}`)
  if (port !== '') return portNumber(pod, port)
  return numberAt(mapsAt(pod, 'spec', 'containers')[0], 'ports', 0, 'containerPort') ?? 80
}

function noLogs(pod: KubeObject, container: string, previous: boolean): string {
  const name = pod.metadata.name ?? ''
  if (previous) return `previous terminated container "${container}" in pod "${name}" not found`
  const status = mapsAt(pod, 'status', 'containerStatuses').find((item) => item['name'] === container)
  const reason = textAt(status, 'state', 'waiting', 'reason') ?? 'ContainerCreating'
  return reason === 'ImagePullBackOff' || reason === 'ErrImagePull'
    ? `container "${container}" in pod "${name}" is waiting to start: trying and failing to pull image`
    : `container "${container}" in pod "${name}" is waiting to start: ${reason}`
}

function disruptionRefused(budget: KubeObject): ApiError {
  const name = budget.metadata.name ?? ''
  const needs = numberAt(budget, 'status', 'desiredHealthy') ?? 0
  const has = numberAt(budget, 'status', 'currentHealthy') ?? 0
  return new ApiError(429, 'TooManyRequests', `Cannot evict pod as it would violate the pod's disruption budget.`, {
    causes: [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${name} needs ${needs} healthy pods and has ${has} currently`,
      },
    ],
  })
}

function scaleOf(object: KubeObject): JsonMap {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = mapAt(object, 'spec', 'selector')
  const labels = Object.entries(texts(selector['matchLabels']))
    .map(([key, value]) => `${key}=${value}`)
    .sort()
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: asObject({ metadata: { name, namespace, uid, resourceVersion, creationTimestamp } }).metadata,
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 0 },
    status: {
      replicas: numberAt(object, 'status', 'replicas') ?? 0,
      ...(labels.length === 0 ? {} : { selector: labels.join(',') }),
    },
  }
}
