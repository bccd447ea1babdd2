/**
 * The cluster that the contract is checked against: the emulator, or with `HEADGATE_CONTRACT=real` the one that
 * `KUBECONFIG` names (with the tokens of `test/cluster/keys.ts`). What both must answer lies in
 * `recorded/`; `HEADGATE_RECORD=1` writes it anew from the real one.
 */
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { load } from 'js-yaml'
import type { HttpRequest, HttpResponse, Transport } from '../../src/kubernetes/transport.ts'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { tokenOf } from '../cluster/keys.ts'
import { RealClock, VirtualClock } from '../emulator/clock.ts'
import { Emulator } from '../emulator/emulator.ts'
import { isMap, mapAt, mapsAt, textAt } from '../emulator/values.ts'

export interface Answer {
  status: number
  headers: Record<string, string>
  text: string
  body: Json
}

export interface AskOptions {
  type?: string
  user?: string
  headers?: Record<string, string>
}

export interface Cluster {
  real: boolean
  /** failures inside the emulator itself */
  defects: readonly unknown[]
  namespace: string
  now(): number
  sleep(ms: number): Promise<void>
  /** lets time pass until `fn` is done */
  run<T>(fn: () => Promise<T>): Promise<T>
  ask(method: HttpRequest['method'], path: string, body?: Json, options?: AskOptions): Promise<Answer>
  /** the events of a watch, until it ends or `ms` are over */
  watch(
    path: string,
    ms: number,
    options?: AskOptions,
  ): Promise<{ status: number; events: JsonMap[]; endedAfter: number }>
}

export const APPLY = 'application/apply-patch+yaml'
export const MERGE = 'application/merge-patch+json'
export const STRATEGIC = 'application/strategic-merge-patch+json'
export const JSON_PATCH = 'application/json-patch+json'

let count = 0

/** A cluster with a fresh namespace. */
export async function openCluster(): Promise<Cluster> {
  const real = process.env['HEADGATE_CONTRACT'] === 'real'
  const cluster = real ? realCluster() : emulatedCluster()
  await cluster.run(async () => {
    const metadata = { name: cluster.namespace }
    await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })
    for (;;) {
      const { status } = await cluster.ask('GET', `/api/v1/namespaces/${cluster.namespace}/serviceaccounts/default`)
      if (status === 200) break
      await cluster.sleep(20)
    }
  })
  return cluster
}

/** Removes the namespace; in the emulator nothing is left anyway. */
export async function closeCluster(cluster: Cluster): Promise<void> {
  if (cluster.defects.length > 0) throw new AggregateError(cluster.defects, String(cluster.defects[0]))
  if (cluster.real) await cluster.ask('DELETE', `/api/v1/namespaces/${cluster.namespace}`)
}

function emulatedCluster(): Cluster {
  const clock = new VirtualClock()
  const emulator = new Emulator({ clock })
  return clusterOn(
    'c-1',
    (user) => (user === 'nobody' ? emulator.transport('') : emulator.transport(user)),
    { now: () => clock.now(), sleep: (ms) => clock.sleep(ms), run: (fn) => clock.run(fn()) },
    emulator.defects,
  )
}

interface Time {
  now(): number
  sleep(ms: number): Promise<void>
  run<T>(fn: () => Promise<T>): Promise<T>
}

function clusterOn(
  namespace: string,
  transport: (user: string) => Transport,
  time: Time,
  defects?: readonly unknown[],
): Cluster {
  const request = (
    method: HttpRequest['method'],
    path: string,
    body: Json | undefined,
    options: AskOptions,
    signal?: AbortSignal,
  ) => {
    const type = body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }
    return transport(options.user ?? 'admin')({
      method,
      path,
      headers: { accept: 'application/json', 'user-agent': 'contract/1', ...type, ...options.headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
  }
  return {
    real: defects === undefined,
    defects: defects ?? [],
    namespace,
    ...time,
    ask: async (method, path, body, options = {}) => {
      const response = await request(method, path, body, options)
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, body: parsed(text) }
    },
    watch: async (path, ms, options = {}) => {
      const abort = new AbortController()
      const start = time.now()
      void time.sleep(ms).then(() => abort.abort())
      const events: JsonMap[] = []
      let status = 0
      try {
        const response = await request('GET', path, undefined, options, abort.signal)
        status = response.status
        for await (const line of response.lines()) {
          const value = parsed(line)
          if (isMap(value)) events.push(value)
        }
      } catch (error) {
        if (!abort.signal.aborted) throw error
      }
      return { status, events, endedAfter: time.now() - start }
    },
  }
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    return value as Json
  } catch {
    return text
  }
}

function realCluster(): Cluster {
  const config = load(readFileSync(process.env['KUBECONFIG'] ?? '', 'utf8')) as JsonMap
  const cluster = mapAt(mapsAt(config, 'clusters')[0], 'cluster')
  const server = new URL(textAt(cluster, 'server') ?? '')
  const ca = Buffer.from(textAt(cluster, 'certificate-authority-data') ?? '', 'base64')
  const agent = new https.Agent({ keepAlive: true, ca })
  const clock = new RealClock()
  const transport =
    (user: string): Transport =>
    (request) =>
      send(server, agent, tokenOf(user), request)
  const namespace = `c-${process.pid}-${++count}`
  return clusterOn(namespace, transport, { now: () => clock.now(), sleep: (ms) => clock.sleep(ms), run: (fn) => fn() })
}

function send(server: URL, agent: https.Agent, token: string, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { method, path, body, signal } = request
    // Node gives a DELETE with a body no length by itself.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const headers = { ...request.headers, ...length }
    const sent = https.request(
      {
        host: server.hostname,
        port: server.port,
        method,
        path,
        agent,
        headers: { ...headers, authorization: `Bearer ${token}` },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        response.setEncoding('utf8')
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(Object.entries(response.headers).map(([key, value]) => [key, String(value)])),
          text: async () => {
            let text = ''
            for await (const part of response) text += String(part)
            return text
          },
          async *lines() {
            let rest = ''
            for await (const part of response) {
              const lines = (rest + String(part)).split('\n')
              rest = lines.pop() ?? ''
              yield* lines.filter((line) => line !== '')
            }
            if (rest !== '') yield rest
          },
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
