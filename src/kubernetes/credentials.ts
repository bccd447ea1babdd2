import type { AgentOptions, RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici'
import { HeadgateError, refuse } from '../shared/errors.ts'
import { AT_A_TIME } from './limited.ts'

export interface Credential {
  headers: Record<string, string>
  connections: Connections
}

/** Watches hold a connection each for minutes; apart from the others they cannot use up the few that those share. */
export interface Connections {
  requests: Dispatcher
  watches: Dispatcher
}

/** Token files and exec plugins are asked again after this time; both answer from their own cache while it is good. */
const FRESH_MS = 60_000

/** A client certificate given by an exec plugin may change; the dispatcher is kept as long as these stay the same. */
type Tls = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>

/**
 * Headers and connections for one cluster. client-node is asked for them once (it would make a new dispatcher, and so a new
 * TLS connection, for every request), again each minute, and anew when the server answers 401.
 */
export class Credentials {
  #config: KubeConfig
  readonly #onSecret: (value: string) => void
  #asked: Promise<Credential> | undefined
  #askedAt = 0
  #last: Credential | undefined
  #tls = ''
  #connections: Connections | undefined
  readonly #old: Connections[] = []

  constructor(config: KubeConfig, onSecret: (value: string) => void) {
    this.#config = config
    this.#onSecret = onSecret
  }

  /** Throws a refusal `credentials` when an exec plugin or a file fails. */
  current(): Promise<Credential> {
    const now = performance.now()
    if (this.#asked === undefined || now - this.#askedAt > FRESH_MS) {
      this.#askedAt = now
      this.#asked = this.#ask()
      void this.#remember(this.#asked)
    }
    const last = this.#last
    // A plugin that fails in the middle of a run is no reason to stop while its last answer is still accepted.
    return last === undefined ? this.#asked : this.#asked.catch(() => last)
  }

  async #remember(asked: Promise<Credential>): Promise<void> {
    try {
      this.#last = await asked
    } catch {
      // Tried again by the next request.
      this.#asked = undefined
    }
  }

  /** Credentials that differ from those that were refused; undefined when there are no others. */
  async renew(refused: Credential): Promise<Credential | undefined> {
    const present = await this.current()
    if (differs(present, refused)) return present
    // A fresh object, because the caches of its plugins hold what has just been refused.
    const fresh = new KubeConfig()
    fresh.loadFromOptions(this.#config)
    this.#config = fresh
    this.#asked = undefined
    this.#last = undefined
    const renewed = await this.current()
    return differs(renewed, refused) ? renewed : undefined
  }

  async close(): Promise<void> {
    const all = [...this.#old, ...(this.#connections === undefined ? [] : [this.#connections])]
    await Promise.all(all.flatMap(({ requests, watches }) => [requests.destroy(), watches.destroy()]))
  }

  async #ask(): Promise<Credential> {
    const options: RequestOptions = {}
    try {
      await this.#config.applyToHTTPSOptions(options)
    } catch (error) {
      throw failed(error, this.#config)
    }
    const headers = headersOf(options)
    this.#tellSecrets(headers)
    return { headers, connections: await this.#connect(options) }
  }

  async #connect(options: RequestOptions): Promise<Connections> {
    const { ca, cert, key, rejectUnauthorized, servername }: Tls = options
    const tls = JSON.stringify([ca, cert, key, rejectUnauthorized, servername].map(String))
    if (this.#connections !== undefined && tls === this.#tls) return this.#connections
    if (this.#connections !== undefined) this.#old.push(this.#connections)
    this.#tls = tls
    this.#connections = {
      requests: await this.#build(options, { connections: AT_A_TIME }),
      watches: await this.#build(options, {}),
    }
    return this.#connections
  }

  async #build(options: RequestOptions, limit: { connections?: number }): Promise<Dispatcher> {
    const cluster = this.#config.getCurrentCluster()
    const wanted = this.#config.createDispatcherOptions(cluster, options as AgentOptions)
    const tuning = { ...TUNING, ...limit }
    switch (wanted.type) {
      case 'agent':
        return new Agent({ ...tuning, connect: connector(wanted.connect) })
      case 'none':
        return new Agent({ ...tuning, connect: connector({}) })
      case 'proxy':
        return new ProxyAgent({
          ...tuning,
          uri: wanted.uri,
          requestTls: connector(wanted.requestTls),
          connect: connector(wanted.connect),
        })
      case 'socks':
        return this.#socks()
    }
  }

  /** client-node keeps its SOCKS connector to itself; the dispatcher that it makes is used as it is. */
  async #socks(): Promise<Dispatcher> {
    let found: Dispatcher | undefined
    await this.#config.applySecurityAuthentication({
      setHeaderParam: () => {},
      setDispatcher: (dispatcher: Dispatcher) => {
        found = dispatcher
      },
    } as unknown as Parameters<KubeConfig['applySecurityAuthentication']>[0])
    if (found === undefined) throw refuse('kubeconfig', 'the proxy-url of the kubeconfig cannot be used')
    return found
  }

  #tellSecrets(headers: Record<string, string>): void {
    const user = this.#config.getCurrentUser()
    const bearer = headers['authorization']?.replace(/^(Bearer|Basic) /, '')
    for (const value of [bearer, user?.token, user?.password, user?.keyData])
      if (typeof value === 'string' && value.trim().length >= 4) this.#onSecret(value.trim())
  }
}

const TUNING = {
  // The API server keeps idle connections for minutes; undici's 4 s would cost a handshake after every short wait.
  keepAliveTimeout: 60_000,
  allowH2: false,
  pipelining: 1,
}

/** A dead peer is found by TCP itself within half a minute, also under a silent watch. */
const CONNECT = { keepAlive: true, keepAliveInitialDelay: 15_000, timeout: 10_000 }

/** Both describe the options of `tls.connect`; they differ in how they write an absent value. */
function connector(options: object): buildConnector.BuildOptions {
  return { ...(options as buildConnector.BuildOptions), ...CONNECT }
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {}
  if (typeof options.auth === 'string')
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
  for (const [name, value] of Object.entries(options.headers ?? {}))
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim()
  return headers
}

function differs(a: Credential, b: Credential): boolean {
  return a.connections !== b.connections || JSON.stringify(a.headers) !== JSON.stringify(b.headers)
}

function failed(error: unknown, config: KubeConfig): HeadgateError {
  if (error instanceof HeadgateError) return error
  const user = config.getCurrentUser()
  const exec = user?.exec as { command?: unknown } | undefined
  const command = String(exec?.command)
  const message = (error instanceof Error ? error.message : String(error)).trim()
  if (exec?.command === undefined)
    return refuse('credentials', `the credentials of user ${user?.name ?? '?'} cannot be read: ${message}`)
  const missing = (error as { code?: unknown }).code === 'ENOENT'
  return refuse(
    'credentials',
    missing
      ? `the kubeconfig asks for credentials with the program ${command}, which is not installed here`
      : `the program ${command}, which the kubeconfig names for credentials, failed`,
    {
      ...(missing ? {} : { evidence: [{ title: command, lines: message.split('\n').slice(-10) }] }),
      next: missing ? `install ${command} in an earlier step` : 'run the login step of your cloud before this one',
    },
  )
}
