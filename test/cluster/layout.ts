/** What a cluster is made of, and where its files are in its folder. */
import { join } from 'node:path'
import type { Keys } from './keys.ts'

export const AUDIT_LOG = 'audit.log'
export const REGISTRY_FILE = 'registry.json'

export interface PartOptions {
  /** API and behaviour of an older minor version from the same binaries, such as `1.34` */
  emulatedVersion?: string
  proxyMode?: 'iptables' | 'nftables'
  apiserverFlags?: string[]
  controllerManagerFlags?: string[]
  /** first pause before a crashed container is started again; the true kubelet's is 10 s */
  crashBackoffSeconds?: number
}

export interface Layout {
  /** data, keys and logs of the cluster */
  folder: string
  binaries: string
  /** where Traefik is; undefined where it cannot be had */
  traffic: string | undefined
  keys: Keys
  options: PartOptions
}

export interface CommandLine {
  command: string
  args: string[]
  env?: Record<string, string>
}

export function kubeconfigFile(folder: string, user: string): string {
  return join(folder, `${user}.kubeconfig`)
}

/** The kubelet writes it, Prometheus reads it. In a folder of its own: Prometheus is woken by whatever changes there. */
export function targetsFile(folder: string): string {
  return join(folder, 'targets', 'pods.json')
}
