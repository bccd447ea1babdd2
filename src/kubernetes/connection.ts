import { refuse } from '../shared/errors.ts'
import { type Credential, Credentials } from './credentials.ts'
import { loadKubeconfig, type LoadOptions } from './kubeconfig.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'

export interface ConnectOptions extends LoadOptions {
  /** called with each value that must not be printed, also those that come later (a renewed token) */
  onSecret?: (value: string) => void
}

export interface Connection {
  transport: Transport
  /** the context's namespace, else `default` */
  namespace: string
  server: string
  clusterName: string
  contextName: string
  /** values to mask: tokens, passwords, keys; grows when a token is renewed */
  secrets: string[]
  close(): Promise<void>
}

/** An answer's first byte may wait for admission webhooks, which may take 30 s each. */
const HEADERS_TIMEOUT_MS = 75_000

/** A pause this long inside an answer means that nothing more will come. */
const BODY_TIMEOUT_MS = 60_000

/**
 * Finds the cluster: the input `kubeconfig` (path or content), KUBECONFIG, `~/.kube/config`, then the service account of
 * the pod it runs in. Sends nothing to the API server; exec plugins run here, so that their failure is told at the start.
 * Throws a refusal: `no-cluster`, `kubeconfig`, `unknown-context`, `credentials`, `insecure-server`.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const config = await loadKubeconfig(options)
  const secrets: string[] = []
  const credentials = new Credentials(config, (value) => {
    if (secrets.includes(value)) return
    secrets.push(value)
    options.onSecret?.(value)
  })
  const cluster = config.getCurrentCluster()
  const contextName = config.getCurrentContext()
  if (cluster === null)
    throw refuse('kubeconfig', `the context ${contextName} of the kubeconfig names no cluster that it has`)
  await credentials.current()
  return {
    transport: (request) => send(credentials, cluster.server, request),
    namespace: config.getContextObject(contextName)?.namespace ?? 'default',
    server: cluster.server,
    clusterName: cluster.name,
    contextName,
    secrets,
    close: () => credentials.close(),
  }
}

/** `kube.example:6443 (context main)`: which cluster a person has to look at. */
export function serverName({ server, contextName }: Pick<Connection, 'server' | 'contextName'>): string {
  const { hostname, port, protocol } = new URL(server)
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')} (context ${contextName})`
}

/** One request; renewed credentials once when the server does not accept those at hand. */
async function send(credentials: Credentials, server: string, request: HttpRequest): Promise<HttpResponse> {
  const used = await credentials.current()
  const response = await dispatch(used, server, request)
  if (response.status !== 401) return response
  const renewed = await credentials.renew(used)
  if (renewed === undefined) return response
  await response.text()
  return dispatch(renewed, server, request)
}

async function dispatch(credential: Credential, server: string, request: HttpRequest): Promise<HttpResponse> {
  const { headers, connections } = credential
  const dispatcher = isWatch(request.path) ? connections.watches : connections.requests
  const { origin, pathname } = new URL(server)
  const answer = await dispatcher.request({
    origin,
    path: `${pathname === '/' ? '' : pathname}${request.path}`,
    method: request.method,
    headers: { ...request.headers, ...headers },
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: bodyTimeoutMs(request.path),
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  })
  return {
    status: answer.statusCode,
    headers: flat(answer.headers),
    text: () => answer.body.text(),
    lines: () => lines(answer.body),
  }
}

/** An idle watch is silent until the server ends it; only after that moment silence means a dead connection. */
function bodyTimeoutMs(path: string): number {
  const seconds = /[?&]timeoutSeconds=(\d+)/.exec(path)?.[1]
  return isWatch(path) ? (Number(seconds ?? 300) + 15) * 1_000 : BODY_TIMEOUT_MS
}

function isWatch(path: string): boolean {
  return /[?&]watch=(1|true)(&|$)/.test(path)
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const pairs = Object.entries(headers).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Array.isArray(value) ? value.join(', ') : value] as const],
  )
  return Object.fromEntries(pairs)
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  // Pieces are joined once per line: a large object comes in many chunks.
  let pieces: string[] = []
  for await (const chunk of body) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n')
    for (let at = 0; at < parts.length - 1; at++) {
      pieces.push(parts[at] ?? '')
      yield pieces.join('')
      pieces = []
    }
    pieces.push(parts.at(-1) ?? '')
  }
  const last = pieces.join('')
  if (last !== '') yield last
}
