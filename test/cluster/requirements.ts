import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheRoot } from './build.ts'

/** Programs of the system that a cluster needs while it runs, with the Debian package that brings each. */
export const SYSTEM_TOOLS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  sysctl: 'procps',
  openssl: 'openssl',
  iptables: 'iptables',
  conntrack: 'conntrack',
}

const LEAST_GO: readonly [number, number] = [1, 26]

export function onPath(program: string): string | undefined {
  // sbin is missing from the path of many shells, but holds iptables and conntrack.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file))
}

/** Why Go cannot be used, if so. */
export function goIsUsable(): string | undefined {
  const answer = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' })
  if (answer.error !== undefined || answer.status !== 0)
    return 'Go is not installed (needed once, to build the cluster)'
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(answer.stdout.trim()) ?? []
  const version: [number, number] = [Number(major ?? 0), Number(minor ?? 0)]
  const newEnough = version[0] > LEAST_GO[0] || (version[0] === LEAST_GO[0] && version[1] >= LEAST_GO[1])
  return newEnough ? undefined : `Go ${LEAST_GO.join('.')} or newer is needed, found ${answer.stdout.trim()}`
}

/** Prometheus of the system, else the one that `prepare.sh` has put into the cache; undefined when there is none. */
export function prometheusProgram(): string | undefined {
  const cached = join(cacheRoot(), 'prometheus', 'prometheus')
  return onPath('prometheus') ?? (existsSync(cached) ? cached : undefined)
}

/** Why a cluster cannot run on this machine, one sentence for each reason; empty when it can. */
export function missingRequirements(options: { binariesAreBuilt: boolean }): string[] {
  if (process.platform !== 'linux') return [`network namespaces need Linux, this is ${process.platform}`]
  const reasons: string[] = []
  if (process.getuid?.() !== 0) reasons.push('network namespaces need root')
  const absent = Object.entries(SYSTEM_TOOLS).filter(([tool]) => onPath(tool) === undefined)
  if (absent.length > 0) {
    const packages = [...new Set(absent.map(([, debian]) => debian))].join(' ')
    reasons.push(`not installed: ${absent.map(([tool]) => tool).join(', ')} (test/cluster/prepare.sh, or: ${packages})`)
  }
  if (!options.binariesAreBuilt) {
    const go = goIsUsable()
    if (go !== undefined) reasons.push(go)
  }
  // Root in a container often lacks the capability; only trying tells.
  if (reasons.length === 0 && spawnSync('unshare', ['--net', 'true']).status !== 0)
    reasons.push('this user may not make network namespaces (a container without the capability SYS_ADMIN?)')
  return reasons
}
