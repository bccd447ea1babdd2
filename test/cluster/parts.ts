/** The parts of a cluster and how each is started. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { API_SERVER, tokenOf } from './keys.ts'
import type { KubeletSettings } from './kubelet/settings.ts'
import { AUDIT_LOG, type CommandLine, kubeconfigFile, type Layout, REGISTRY_FILE, targetsFile } from './layout.ts'
import { NODE_ADDRESS, POD_PREFIX, SERVICE_RANGE } from './network.ts'
import { prometheus, traefik } from './on-demand.ts'

/** In the order in which they can start: each needs those before it. */
export const FIRST_PARTS = ['etcd', 'apiserver', 'controller-manager', 'scheduler', 'proxy', 'kubelet'] as const
/** The others are started when somebody asks for them: see `on-demand.ts`. */
export const PARTS = [...FIRST_PARTS, 'traefik', 'prometheus'] as const
export type Part = (typeof PARTS)[number]

const ETCD_CLIENTS = 'http://127.0.0.1:2379'
const ETCD_PEERS = 'http://127.0.0.1:2380'

/** Controllers that only a real cloud or real disks give work to. */
const IDLE_CONTROLLERS = [
  'node-ipam-controller',
  'persistentvolume-binder-controller',
  'persistentvolume-attach-detach-controller',
  'persistentvolume-expander-controller',
]

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
    targetsFile: targetsFile(folder),
  }
  return {
    command: process.execPath,
    args: [join(import.meta.dirname, 'kubelet.ts')],
    env: { TEST_KUBELET: JSON.stringify(settings) },
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
  prometheus,
}

export function commandLine(part: Part, layout: Layout): CommandLine {
  return COMMANDS[part](layout)
}
