import { readFile } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { load } from 'js-yaml'
import { type HeadgateError, refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import { isLoopback, proxyFor } from './proxy.ts'

export interface LoadOptions {
  /** path, or the content itself */
  kubeconfig?: string
  /** default: the kubeconfig's current context */
  context?: string
  env: Record<string, string | undefined>
  /** default: HOME of `env` */
  home?: string
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

export async function loadKubeconfig(options: LoadOptions): Promise<KubeConfig> {
  const config = await find(options)
  chooseContext(config, options.context)
  const cluster = config.getCurrentCluster()
  if (cluster === null) return config
  checkScheme(config, cluster.server, cluster.skipTLSVerify ?? false)
  if (!cluster.proxyUrl) {
    const proxyUrl = proxyFor(cluster.server, options.env)
    if (proxyUrl !== undefined) change(config, { proxyUrl })
  }
  return config
}

async function find(options: LoadOptions): Promise<KubeConfig> {
  const { kubeconfig = '', env } = options
  if (isContent(kubeconfig)) return parse(kubeconfig, 'the input kubeconfig')
  if (kubeconfig.trim() !== '') return fromFile(kubeconfig.trim(), true)
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file.trim() !== '')
  if (listed.length > 0) return merged(listed)
  const home = options.home ?? env['HOME'] ?? env['USERPROFILE']
  const file = home === undefined ? undefined : await tryFile(join(home, '.kube', 'config'))
  return file ?? (await inCluster(env)) ?? nothing()
}

function nothing(): never {
  throw refuse(
    'no-cluster',
    'no cluster is configured: there is no kubeconfig, and this does not run inside a cluster',
    {
      next: 'give the input kubeconfig (path or content), set KUBECONFIG, or log in to the cluster in an earlier step',
    },
  )
}

/** Whether an input holds a kubeconfig itself, and not its path. */
export function isContent(text: string): boolean {
  return text.includes('\n') || /^\s*[{]/.test(text) || /^\s*apiVersion\s*:/.test(text)
}

/** @param folder where relative paths begin; the working directory for content that came in no file */
function parse(text: string, name: string, folder = ''): KubeConfig {
  const config = new KubeConfig()
  try {
    config.loadFromString(text)
    readTokenFiles(config, text, folder)
  } catch (error) {
    // The parser's message may quote the content, which holds credentials: only its first line, and no snippet.
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 200) : ''
    throw refuse('kubeconfig', `${name} is not a kubeconfig: ${reason}`)
  }
  if (config.getContexts().length === 0) throw refuse('kubeconfig', `${name} is not a kubeconfig: it has no contexts`)
  return config
}

/** client-node passes over `tokenFile` of a user, which client-go reads again and again, and prefers to `token`. */
function readTokenFiles(config: KubeConfig, text: string, folder: string): void {
  const told = load(text) as { users?: { name?: string; user?: { tokenFile?: string } }[] | null } | undefined
  config.users = config.users.map((user) => {
    const file = told?.users?.find(({ name }) => name === user.name)?.user?.tokenFile
    if (!file) return user
    const { token: _, ...rest } = user
    return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(folder, file) } } }
  })
}

async function fromFile(file: string, only: boolean): Promise<KubeConfig> {
  const found = await tryFile(file)
  if (found !== undefined) return found
  const base64 = only && file.length > 100 && /^[A-Za-z0-9+/=\s]+$/.test(file)
  throw base64
    ? refuse('kubeconfig', 'the input kubeconfig is neither a path nor a kubeconfig', {
        next: 'decode it first: it looks like base64',
      })
    : refuse('kubeconfig', `the kubeconfig ${file} does not exist`)
}

async function tryFile(file: string): Promise<KubeConfig | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined
    throw refuse('kubeconfig', `the kubeconfig ${file} cannot be read (${code})`)
  }
  const folder = dirname(resolve(file))
  const config = parse(text, `the kubeconfig ${file}`, folder)
  config.makePathsAbsolute(folder)
  return config
}

/** Several files of KUBECONFIG: as with kubectl the first one wins, and missing files are passed over. */
async function merged(files: string[]): Promise<KubeConfig> {
  const found: KubeConfig[] = []
  for (const file of files) {
    const config = await tryFile(file)
    if (config !== undefined) found.push(config)
  }
  const [first, ...others] = found
  if (first === undefined) throw refuse('kubeconfig', `KUBECONFIG names ${files.join(', ')}, which does not exist`)
  for (const other of others) {
    for (const each of other.getClusters()) if (first.getCluster(each.name) === null) first.addCluster(each)
    for (const each of other.getUsers()) if (first.getUser(each.name) === null) first.addUser(each)
    for (const each of other.getContexts()) if (first.getContextObject(each.name) === null) first.addContext(each)
    if (!first.getCurrentContext()) first.setCurrentContext(other.getCurrentContext())
  }
  return first
}

/** The service account of the pod this runs in, as client-go's InClusterConfig finds it. */
async function inCluster(env: Record<string, string | undefined>): Promise<KubeConfig | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = env['KUBERNETES_SERVICE_PORT']
  if (!host || !port) return undefined
  const namespace = await readFile(join(SERVICE_ACCOUNT, 'namespace'), 'utf8').catch(() => undefined)
  if (namespace === undefined) return undefined
  const name = 'in-cluster'
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  const authProvider = { name: 'tokenFile', config: { tokenFile: join(SERVICE_ACCOUNT, 'token') } }
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name, server, caFile: join(SERVICE_ACCOUNT, 'ca.crt'), skipTLSVerify: false }],
    users: [{ name, authProvider }],
    contexts: [{ name, cluster: name, user: name, namespace: namespace.trim() }],
    currentContext: name,
  })
  return config
}

function chooseContext(config: KubeConfig, wanted: string | undefined): void {
  const names = config.getContexts().map((each) => each.name)
  const name = wanted || config.getCurrentContext()
  if (!name)
    throw refuse('unknown-context', 'the kubeconfig names no current context', {
      next: `set the input context: ${names.join(', ')}`,
    })
  if (!names.includes(name)) throw unknownContext(name, names)
  config.setCurrentContext(name)
}

function unknownContext(name: string, names: string[]): HeadgateError {
  const near = nearest(name, names)
  return refuse('unknown-context', `the kubeconfig has no context ${name}`, {
    next: near === undefined ? `it has: ${names.join(', ')}` : `did you mean ${near}?`,
  })
}

/** Credentials never travel in the clear, but for a server on this very machine (tests, `kubectl proxy`). */
function checkScheme(config: KubeConfig, server: string, insecure: boolean): void {
  let url: URL
  try {
    url = new URL(server)
  } catch {
    throw refuse('kubeconfig', `the server ${server} of the kubeconfig is not a URL`)
  }
  if (url.protocol === 'https:' || insecure) return
  if (url.protocol !== 'http:' || !isLoopback(url.hostname))
    throw refuse('insecure-server', `the server ${server} of the kubeconfig is not https`, {
      next: 'use https, or set insecure-skip-tls-verify in the kubeconfig if that is meant',
    })
  // client-node refuses http without this; over http there is nothing to verify.
  change(config, { skipTLSVerify: true })
}

function change(config: KubeConfig, changes: { skipTLSVerify?: boolean; proxyUrl?: string }): void {
  const current = config.getCurrentCluster()
  config.clusters = config.clusters.map((each) => (each.name === current?.name ? { ...each, ...changes } : each))
}
