/** The parts of a cluster and how each is started. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { API_SERVER, type Keys, tokenOf } from './keys.ts'
import type { KubeletSettings } from './kubelet/settings.ts'
import { NODE_ADDRESS, POD_PREFIX, ROUTER_PORT, SERVICE_RANGE } from './network.ts'
import { traefikProgram } from './traffic.ts'

/** In the order in which they can start: each needs those before it. */
export const FIRST_PARTS = ['etcd', 'apiserver', 'controller-manager', 'scheduler', 'proxy', 'kubelet'] as const
/** Traefik is started when somebody asks for it: see `routers.ts`. */
export const PARTS = [...FIRST_PARTS, 'traefik'] as const
export type Part = (typeof PARTS)[number]

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

const ETCD_CLIENTS = 'http://127.0.0.1:2379'
const ETCD_PEERS = 'http://127.0.0.1:2380'
export const AUDIT_LOG = 'audit.log'
export const REGISTRY_FILE = 'registry.json'

/** Controllers that only a real cloud or real disks give work to. */
const IDLE_CONTROLLERS = [
  'node-ipam-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-attach-detach-controller',
  'persistentvolume-expander-controller',
]

export function kubeconfigFile(folder: string, user: string): string {
  return join(folder, `${user}.kubeconfig`)
}

function emulated({ options }: Layout): string[] {
  // All three programs need it: with the API server alone, a newer scheduler waits for resources that do not exist.
  return options.emulatedVersion === undefined ? [] : [`--emulated-version=kube=${options.emulatedVersion}`]
}

function client(layout: Layout, user: string): string[] {
  const file = kubeconfigFile(layout.folder, user)
  return [`--kubeconfig=${file}`, `--authentication-kubeconfig=${file}`, `--authorization-kubeconfig=${file}`]
}

function etcd({ folder, binaries }: Layout): CommandLine {
  return {
    command: join(binaries, 'etcd'),
    args: [
      '--name=only',
      `--data-dir=${join(folder, 'etcd')}`,
      '--unsafe-no-fsync=true',
      `--listen-client-urls=${ETCD_CLIENTS}`,
      `--advertise-client-urls=${ETCD_CLIENTS}`,
      `--listen-peer-urls=${ETCD_PEERS}`,
      `--initial-advertise-peer-urls=${ETCD_PEERS}`,
      `--initial-cluster=only=${ETCD_PEERS}`,
      '--log-level=warn',
    ],
  }
}

function apiserver(layout: Layout): CommandLine {
  const { folder, binaries, keys, options } = layout
  const policy = join(folder, 'audit-policy.json')
  const rules = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'] }
  writeFileSync(policy, JSON.stringify({ ...rules, rules: [{ level: 'Metadata' }] }))
  return {
    command: join(binaries, 'kube-apiserver'),
    args: [
      `--etcd-servers=${ETCD_CLIENTS}`,
      `--bind-address=${NODE_ADDRESS}`,
      '--secure-port=6443',
      // Without it the server looks for the address of the default route, which does not exist here.
      `--advertise-address=${NODE_ADDRESS}`,
      `--cert-dir=${folder}`,
      `--tls-cert-file=${keys.serverCertificate}`,
      `--tls-private-key-file=${keys.serverKey}`,
      `--client-ca-file=${keys.authority}`,
      `--token-auth-file=${keys.tokens}`,
      '--authorization-mode=Node,RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${keys.accountKey}`,
      `--service-account-signing-key-file=${keys.accountKey}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--allow-privileged=true',
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${keys.authority}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${keys.proxyCertificate}`,
      `--proxy-client-key-file=${keys.proxyKey}`,
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${join(folder, AUDIT_LOG)}`,
      ...emulated(layout),
      ...(options.apiserverFlags ?? []),
    ],
  }
}

function controllerManager(layout: Layout): CommandLine {
  const { folder, binaries, keys, options } = layout
  return {
    command: join(binaries, 'kube-controller-manager'),
    args: [
      ...client(layout, 'controller-manager'),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${keys.accountKey}`,
      `--root-ca-file=${keys.authority}`,
      '--bind-address=127.0.0.1',
      '--leader-elect=false',
      `--cert-dir=${folder}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      `--controllers=*,${IDLE_CONTROLLERS.map((name) => `-${name}`).join(',')}`,
      // With the default of 20 requests a second, starting the controllers takes seconds longer.
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      ...emulated(layout),
      ...(options.controllerManagerFlags ?? []),
    ],
  }
}

function scheduler(layout: Layout): CommandLine {
  return {
    command: join(layout.binaries, 'kube-scheduler'),
    args: [
      ...client(layout, 'scheduler'),
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cert-dir=${layout.folder}`,
      ...emulated(layout),
    ],
  }
}

function proxy({ folder, binaries, options }: Layout): CommandLine {
  const file = join(folder, 'proxy.json')
  const settings = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: kubeconfigFile(folder, 'proxy') },
    hostnameOverride: 'node1',
    mode: options.proxyMode ?? 'iptables',
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    // Zeros: leave settings that concern the whole machine alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
  // kube-proxy ends itself when this file is touched, so it is only written when the proxy is about to start.
  writeFileSync(file, JSON.stringify(settings))
  return { command: join(binaries, 'kube-proxy'), args: [`--config=${file}`] }
}

function kubelet({ folder, keys, options }: Layout): CommandLine {
  const settings: KubeletSettings = {
    server: API_SERVER,
    token: tokenOf('kubelet'),
    authorityFile: keys.authority,
    certificateFile: keys.serverCertificate,
    keyFile: keys.serverKey,
    node: 'node1',
    nodeAddress: NODE_ADDRESS,
    podPrefix: POD_PREFIX,
    crashBackoffSeconds: options.crashBackoffSeconds ?? 10,
    registryFile: join(folder, REGISTRY_FILE),
  }
  return {
    command: process.execPath,
    args: [join(import.meta.dirname, 'kubelet.ts')],
    env: { TEST_KUBELET: JSON.stringify(settings) },
  }
}

/** Where Traefik says that it is alive, and shows what it has understood (`/api/rawdata`). */
const TRAEFIK_ADMIN = `${NODE_ADDRESS}:8081`

/** Its own defaults wherever there is one: also two seconds, at the most, until a change counts. */
function traefik({ folder, traffic }: Layout): CommandLine {
  if (traffic === undefined) throw new Error('Traefik is not there; the start of the cluster has said why')
  return {
    command: traefikProgram(traffic),
    args: [
      '--global.checknewversion=false',
      '--global.sendanonymoususage=false',
      // Without addresses both would listen on all of them, and pods could not have the port any more.
      `--entrypoints.web.address=${NODE_ADDRESS}:${ROUTER_PORT}`,
      `--entrypoints.traefik.address=${TRAEFIK_ADMIN}`,
      '--ping=true',
      '--api.insecure=true',
      '--log.level=INFO',
      '--log.nocolor=true',
      '--providers.kubernetesgateway=true',
      `--providers.kubernetesgateway.statusaddress.ip=${NODE_ADDRESS}`,
      '--providers.kubernetescrd=true',
      '--providers.kubernetesingressnginx=true',
      '--providers.kubernetesingressnginx.httpentrypoint=web',
    ],
    env: { KUBECONFIG: kubeconfigFile(folder, 'traefik') },
  }
}

/** Asks the running Traefik whether it is alive; ends with 0 when it is. */
export function traefikHealthCheck(traffic: string): CommandLine {
  return {
    command: traefikProgram(traffic),
    args: ['healthcheck', '--ping', `--entrypoints.traefik.address=${TRAEFIK_ADMIN}`],
  }
}

const COMMANDS: Record<Part, (layout: Layout) => CommandLine> = {
  etcd,
  apiserver,
  'controller-manager': controllerManager,
  scheduler,
  proxy,
  kubelet,
  traefik,
}

export function commandLine(part: Part, layout: Layout): CommandLine {
  return COMMANDS[part](layout)
}
