/**
 * The network namespace that a cluster lives in. It has no way out: no default route, no link to another namespace. So
 * a name that does not resolve or an image that must be pulled fails at once, and nothing a test does leaves the machine.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'

/** Address of node, API server and kubelet. */
export const NODE_ADDRESS = '10.88.0.1'
/** Port on which Traefik takes the requests of users. */
export const ROUTER_PORT = 8000
/** Port of Prometheus. Pods have addresses of their own, so that none of them needs it. */
export const PROMETHEUS_PORT = 9090
/** First two numbers of the pods' addresses, a /16. */
export const POD_PREFIX = '10.244'
export const SERVICE_RANGE = '10.96.0.0/16'
export const FIRST_SERVICE_ADDRESS = '10.96.0.1'

const OWN_LINKS = new Set(['lo', 'svc0', 'svc1'])
/** Links that a kernel puts into every new namespace by itself; all are down and lead nowhere. */
const KERNEL_LINKS = /^(ip6?tnl|tunl|sit|gre|gretap|erspan|ip_vti|ip6_vti|ip6gre|kube-ipvs)\d*$/

export function namespaceFile(name: string): string {
  return `/run/netns/${name}`
}

function run(command: string, args: string[]): string {
  const answer = spawnSync(command, args, { encoding: 'utf8' })
  if (answer.error !== undefined) throw answer.error
  if (answer.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${answer.status}: ${answer.stderr.trim()}`)
  return answer.stdout
}

export function createNamespace(name: string): void {
  run('ip', ['netns', 'add', name])
  const inside = (...args: string[]): string => run('ip', ['-n', name, ...args])
  inside('link', 'set', 'lo', 'up')
  inside('addr', 'add', `${NODE_ADDRESS}/32`, 'dev', 'lo')
  // A local route lets a process listen on any address of the range: that is how pods get their own.
  inside('route', 'add', 'local', `${POD_PREFIX}.0.0/16`, 'dev', 'lo')
  // kube-proxy rewrites packets to Services, but the kernel wants a route for them first: a pair of links to nowhere.
  inside('link', 'add', 'svc0', 'type', 'veth', 'peer', 'name', 'svc1')
  inside('link', 'set', 'svc0', 'up')
  inside('link', 'set', 'svc1', 'up')
  inside('addr', 'add', '10.89.0.1/30', 'dev', 'svc0')
  inside('route', 'add', SERVICE_RANGE, 'via', '10.89.0.2', 'dev', 'svc0')
  run('nsenter', [`--net=${namespaceFile(name)}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
}

/** Processes that are still inside; all of them were started for this cluster, nobody else knows its name. */
export function processesInside(name: string): number[] {
  const answer = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
  if (answer.status !== 0) return []
  return answer.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

export function removeNamespace(name: string): void {
  if (existsSync(namespaceFile(name))) run('ip', ['netns', 'del', name])
}

interface View {
  /** text of /proc/…/net/dev */
  devices: string
  /** text of /proc/…/net/route */
  routes: string
}

function linkNames(devices: string): string[] {
  return devices
    .split('\n')
    .slice(2)
    .map((line) => (line.split(':')[0] ?? '').trim())
    .filter((name) => name !== '')
}

/** What a namespace has that a cluster's namespace never has. */
function strangeness(view: View): string | undefined {
  const names = linkNames(view.devices)
  const stray = names.filter((name) => !OWN_LINKS.has(name) && !KERNEL_LINKS.test(name))
  if (stray.length > 0) return `it has links of its own: ${stray.join(', ')}`
  if (!names.includes('svc0')) return 'it is not the namespace of a test cluster'
  const hasDefaultRoute = view.routes.split('\n').some((line) => line.split('\t')[1] === '00000000')
  return hasDefaultRoute ? 'it has a default route' : undefined
}

function sharesNetworkOfInit(devices: string): boolean {
  try {
    return readlinkSync('/proc/self/ns/net') === readlinkSync('/proc/1/ns/net')
  } catch {
    // Process 1's link can be unreadable even for root; its list of links is not.
    return linkNames(devices).join() === linkNames(readFileSync('/proc/1/net/dev', 'utf8')).join()
  }
}

/** Why this very process must not send anything to cluster addresses; undefined inside a cluster's namespace. */
export function outsideBecause(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux'
  const devices = readFileSync('/proc/self/net/dev', 'utf8')
  if (sharesNetworkOfInit(devices)) return 'the network namespace is that of process 1'
  return strangeness({ devices, routes: readFileSync('/proc/self/net/route', 'utf8') })
}

/** Throws unless this process sits inside a test cluster's namespace. The addresses there may be real ones elsewhere. */
export function assertInside(who: string): void {
  const reason = outsideBecause()
  if (reason !== undefined) throw new Error(`${who}: refused, ${reason}`)
}

/** Throws unless the named namespace looks like one that {@link createNamespace} made. */
export function assertNamespace(name: string): void {
  if (!existsSync(namespaceFile(name))) throw new Error(`network namespace ${name} does not exist`)
  const enter = (file: string): string => run('nsenter', [`--net=${namespaceFile(name)}`, 'cat', file])
  const reason = strangeness({ devices: enter('/proc/self/net/dev'), routes: enter('/proc/self/net/route') })
  if (reason !== undefined) throw new Error(`network namespace ${name}: refused, ${reason}`)
}
