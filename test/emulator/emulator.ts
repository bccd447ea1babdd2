/**
 * The embedded cluster: an API server in memory, with the controllers, the scheduler and a node that act on what is in
 * it. Where it and Kubernetes differ, the emulator is wrong.
 */
import type { HttpRequest, HttpResponse, Transport } from '../../src/kubernetes/transport.ts'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { decodeObject } from './api/body.ts'
import { type Answer, type ApiRequest, jsonAnswer, LineStream, type User } from './api/request.ts'
import { ApiServer } from './api/server.ts'
import { Watches } from './api/watches.ts'
import type { EmulatorClock } from './clock.ts'
import { type Running, startControllers } from './controllers/all.ts'
import { draw, Informers, type World } from './controllers/machinery.ts'
import { ApiError, notFound } from './errors.ts'
import { type AdmissionRule, type DeleteOptions, Objects } from './objects.ts'
import { mergePatch } from './patches/merge-patch.ts'
import { type Behaviour, behaviourOfOptions, behaviourOfTag, type PodBehaviour } from './pods/behaviour.ts'
import { Kubelet, nodeObject } from './pods/kubelet.ts'
import { RealServers } from './pods/real-servers.ts'
import type { EmulatorOptions, Hook, Injection, LogEntry, RequestInfo } from './options.ts'
import { Random } from './random.ts'
import { Resources } from './resources.ts'
import { type Listening, listen } from './server.ts'
import { type Change, Store } from './store.ts'
import { asObject, timestamp } from './values.ts'

// Whoever makes an emulator finds all it takes here.
export type { EmulatorOptions, Hook, Injection, LogEntry, RequestInfo } from './options.ts'

const ADMIN: User = { name: 'admin', groups: ['system:masters'] }

export class Emulator {
  readonly clock: EmulatorClock
  readonly store = new Store()
  readonly resources = new Resources()
  readonly objects: Objects
  readonly watches: Watches
  /** every request, in order of arrival */
  readonly log: LogEntry[] = []
  /** unexpected failures inside the emulator itself; a test should find none */
  readonly defects: unknown[] = []
  readonly #options: EmulatorOptions
  readonly #random: Random
  readonly #api: ApiServer
  readonly #hooks = new Set<Hook>()
  readonly #users: Record<string, User>
  readonly #kubelet: Kubelet
  readonly #overrides = new Map<string, PodBehaviour>()
  readonly #real: RealServers | undefined
  readonly #running: Running | undefined
  #numbers = 0

  constructor(options: EmulatorOptions) {
    this.#options = options
    this.clock = options.clock
    this.#random = new Random(options.seed ?? 1)
    this.objects = new Objects(this.store, this.resources, this.clock, this.#random)
    this.watches = new Watches(this.store, this.clock, () => draw(this.#random, options.watchDelay ?? [0, 0]))
    this.#users = { 'tok-admin': ADMIN, 'tok-deployer': { name: 'deployer', groups: [] }, ...options.users }
    this.#real = options.realPods === true ? new RealServers() : undefined
    const world: World = {
      clock: this.clock,
      objects: this.objects,
      informers: new Informers(this.store, this.clock, () => draw(this.#random, options.informerDelay ?? [1, 1])),
      random: this.#random,
      workDelay: () => draw(this.#random, options.workDelay ?? [1, 1]),
      writeDelay: () => draw(this.#random, options.writeDelay ?? [4, 4]),
    }
    this.#kubelet = new Kubelet(world, (image, pod, container) => this.#behaviour(image, pod, container), this.#real)
    this.#api = new ApiServer(this.objects, this.watches, this.#kubelet, this.clock)
    if (options.controllers !== false) this.#running = startControllers(world, options.establishMs ?? 20, this.#real)
    this.#furnish()
  }

  #behaviour(...args: Parameters<Behaviour>): PodBehaviour {
    const [image, pod, container] = args
    const known = this.#overrides.get(image) ?? this.#options.behaviour?.(...args) ?? behaviourOfTag(image)
    return { ...known, ...behaviourOfOptions(pod, container) }
  }

  #furnish(): void {
    for (const name of ['default', 'kube-system'])
      this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    this.create(nodeObject(timestamp(this.clock.now())))
  }

  // --- the API, without a socket

  /** @param user a user's name; `admin` may do all, others what their RoleBindings say, `` is nobody (401) */
  transport(user = 'admin'): Transport {
    const who =
      user === 'admin'
        ? ADMIN
        : (Object.values(this.#users).find((item) => item.name === user) ?? { name: user, groups: [] })
    return (request) => this.#transported(request, who)
  }

  async #transported(request: HttpRequest, user: User): Promise<HttpResponse> {
    const { signal } = request
    if (signal?.aborted) throw abortError()
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(abortError()), { once: true }),
    )
    aborted.catch(() => {})
    const answer = await Promise.race([this.handle(request, user), aborted])
    return responseOf(answer, signal)
  }

  /** The user of a bearer token; undefined when the token is unknown. kubectl sends none without TLS: that is admin. */
  userOf(token: string | undefined): User | undefined {
    return token === undefined ? ADMIN : this.#users[token]
  }

  /** One request with hooks, delays and log. Rejects when a hook drops the connection. */
  async handle(request: Omit<HttpRequest, 'signal'>, user: User): Promise<Answer> {
    const info: RequestInfo = {
      number: ++this.#numbers,
      method: request.method,
      path: request.path,
      user: user.name,
      body: request.body ?? '',
      headers: request.headers,
    }
    const entry: LogEntry = {
      number: info.number,
      at: this.clock.now(),
      method: request.method,
      path: request.path,
      user: user.name,
      status: 0,
      bytesIn: info.body.length,
      bytesOut: 0,
    }
    this.log.push(entry)
    const delay = draw(this.#random, this.#options.requestDelay ?? [2, 2])
    if (delay > 0) await this.clock.sleep(Math.ceil(delay / 2))
    const injections = this.#inject(info)
    for (const injection of injections) if (injection.kind === 'delay') await this.clock.sleep(injection.ms)
    if (injections.some((item) => item.kind === 'drop' && item.when === 'before')) throw new Error('read ECONNRESET')
    const injected = injections.find((item) => item.kind === 'answer')
    const answer = injected?.kind === 'answer' ? injectedAnswer(injected) : await this.#ask(info, user)
    entry.status = answer.status
    entry.bytesOut = typeof answer.body === 'string' ? answer.body.length : 0
    for (const hook of this.#hooks) hook.after?.(info, answer.status)
    if (injections.some((item) => item.kind === 'drop' && item.when === 'after')) {
      if (answer.body instanceof LineStream) answer.body.end()
      entry.status = 0
      throw new Error('read ECONNRESET')
    }
    if (delay > 1) await this.clock.sleep(Math.floor(delay / 2))
    return answer
  }

  #inject(info: RequestInfo): Injection[] {
    return [...this.#hooks].flatMap((hook) => hook.before?.(info) ?? [])
  }

  async #ask(info: RequestInfo, user: User): Promise<Answer> {
    const url = new URL(info.path, 'http://emulator')
    const request: ApiRequest = {
      method: info.method,
      path: url.pathname,
      query: url.searchParams,
      headers: info.headers,
      body: info.body,
      user,
    }
    try {
      return await this.#api.answer(request)
    } catch (error) {
      this.defects.push(error)
      const message = `the emulator failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
      return jsonAnswer(500, new ApiError(500, 'InternalError', message).status())
    }
  }

  /** Called around each request; the answer takes the hook away again. */
  onRequest(hook: Hook): () => void {
    this.#hooks.add(hook)
    return () => this.#hooks.delete(hook)
  }

  /** From now on admission asks this rule as well; the answer takes it away again. */
  refuse(rule: AdmissionRule): () => void {
    this.objects.rules.add(rule)
    return () => this.objects.rules.delete(rule)
  }

  /** Called after each change of state: the place for checks of invariants. */
  observe(listener: (change: Change) => void): () => void {
    return this.store.listen(listener)
  }

  /** Serves the API over HTTP/1.1 on the loopback interface. */
  listen(port = 0): Promise<Listening> {
    return listen(this, port)
  }

  // --- objects, as another person with all rights would change them; at once, without requests

  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.store.get(this.resources.named(kind).key, namespace, name)
  }

  list(kind: string, namespace?: string): KubeObject[] {
    return this.store.list(this.resources.named(kind).key, namespace)
  }

  create(object: KubeObject, manager = 'kubectl-create'): KubeObject {
    const resource = this.#resourceOf(object)
    const { object: decoded } = decodeObject(resource, object, 'Ignore')
    return this.objects.create(resource, object.metadata.namespace, decoded, { manager })
  }

  /** Creates or overwrites. */
  put(object: KubeObject, manager = 'kubectl-replace'): KubeObject {
    const resource = this.#resourceOf(object)
    const live = this.store.get(resource.key, object.metadata.namespace, object.metadata.name ?? '')
    if (live === undefined) return this.create(object, manager)
    const { object: decoded } = decodeObject(resource, object, 'Ignore')
    return this.objects.update(resource, live, decoded, { manager })
  }

  /** A merge patch. */
  patch(
    kind: string,
    namespace: string | undefined,
    name: string,
    patch: JsonMap,
    manager = 'kubectl-patch',
    subresource = '',
  ): KubeObject {
    const resource = this.resources.named(kind)
    const live = this.store.get(resource.key, namespace, name)
    if (live === undefined) throw notFound(resource, name)
    const { object } = decodeObject(resource, mergePatch(live, patch), 'Ignore')
    return this.objects.update(resource, live, object, { manager, subresource })
  }

  delete(kind: string, namespace: string | undefined, name: string, options: DeleteOptions = {}): void {
    const resource = this.resources.named(kind)
    const live = this.store.get(resource.key, namespace, name)
    if (live === undefined) throw notFound(resource, name)
    this.objects.delete(resource, live, options)
  }

  /** What an autoscaler does: writes /scale. */
  scale(
    kind: string,
    namespace: string,
    name: string,
    replicas: number,
    manager = 'kube-controller-manager',
  ): KubeObject {
    return this.patch(kind, namespace, name, { spec: { replicas } }, manager, 'scale')
  }

  #resourceOf(object: KubeObject) {
    const resource = this.resources.ofKind(object.apiVersion, object.kind)
    if (resource === undefined) throw new Error(`no kind ${object.apiVersion} ${object.kind}`)
    return resource
  }

  /** Serves a kind without a CustomResourceDefinition object. */
  registerKind(definition: JsonMap): void {
    this.resources.register(
      asObject({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: {},
        ...definition,
      }),
    )
  }

  // --- pods

  /** From now on all pods of this image behave so; running ones at their next probe, pull or start. */
  setBehaviour(image: string, behaviour: PodBehaviour): void {
    this.#overrides.set(image, behaviour)
    this.#kubelet.poke()
  }

  /** Ends the processes of a pod as a crash does. */
  crash(namespace: string, name: string, exitCode = 1, lastWords: string[] = ['panic: boom']): void {
    const pod = this.store.get('/pods', namespace, name)
    if (pod === undefined) throw notFound(this.resources.named('pods'), name)
    this.#kubelet.crash(pod, exitCode, lastWords)
  }

  // --- the server's own troubles

  /** Forgets the history: old watches and lists get 410. */
  compact(): void {
    this.store.compact()
  }

  /** Breaks open watch connections. */
  dropWatches(which?: (watch: { user: string; path: string; resource: string }) => boolean): number {
    return this.watches.drop(which)
  }

  /** The loopback URL of a Service; only with `realPods`. */
  serviceUrl(namespace: string, name: string): string | undefined {
    return this.#running?.fronts?.url(namespace, name)
  }

  close(): void {
    this.watches.drop()
    this.#running?.fronts?.closeAll()
    this.#real?.closeAll()
  }
}

function abortError(): Error {
  return new DOMException('This operation was aborted', 'AbortError')
}

function injectedAnswer({ status, body, headers = {} }: Extract<Injection, { kind: 'answer' }>): Answer {
  if (typeof body === 'string') return { status, headers: { 'content-type': 'text/plain', ...headers }, body }
  const reasons: Record<number, string> = {
    409: 'Conflict',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
    403: 'Forbidden',
    401: 'Unauthorized',
  }
  const standard = new ApiError(status, reasons[status] ?? '', `injected ${status}`).status()
  return jsonAnswer(status, body ?? standard, headers)
}

function responseOf(answer: Answer, signal: AbortSignal | undefined): HttpResponse {
  const { body } = answer
  if (typeof body === 'string')
    return {
      status: answer.status,
      headers: answer.headers,
      text: () => Promise.resolve(body),
      lines: () => linesOf(body),
    }
  signal?.addEventListener('abort', () => body.end(abortError()), { once: true })
  return {
    status: answer.status,
    headers: answer.headers,
    lines: () => body,
    text: async () => {
      let text = ''
      for await (const line of body) text += `${line}\n`
      return text
    },
  }
}

async function* linesOf(body: string): AsyncGenerator<string> {
  for (const line of body.split('\n')) if (line !== '') yield line
}
