/** Registers the node and keeps it Ready. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, MERGE_PATCH, STRATEGIC_PATCH } from '../client.ts'
import type { KubeletSettings } from './settings.ts'
import { timestamp } from './types.ts'

const KUBELET_PORT = 10_250
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
const LEASE_MS = 10_000
const STATUS_MS = 60_000
/** Large enough that the scheduler never refuses by itself; a test that wants Unschedulable asks for more. */
const SIZE = { cpu: '64', memory: '256Gi', pods: '500', 'ephemeral-storage': '100Gi' }

const PRESSURES = [
  ['MemoryPressure', 'KubeletHasSufficientMemory'],
  ['DiskPressure', 'KubeletHasNoDiskPressure'],
  ['PIDPressure', 'KubeletHasSufficientPID'],
] as const

function nodeStatus({ node, nodeAddress }: KubeletSettings, since: string): object {
  const condition = (type: string, status: string, reason: string): object => {
    const times = { lastHeartbeatTime: timestamp(), lastTransitionTime: since }
    return { type, status, reason, message: reason, ...times }
  }
  return {
    capacity: SIZE,
    allocatable: SIZE,
    addresses: [
      { type: 'InternalIP', address: nodeAddress },
      { type: 'Hostname', address: node },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    nodeInfo: {
      kubeletVersion: 'v1.36.3',
      kubeProxyVersion: '',
      containerRuntimeVersion: 'process://1.0.0',
      kernelVersion: '6.0',
      osImage: 'test node',
      operatingSystem: 'linux',
      architecture: 'amd64',
      machineID: node,
      systemUUID: node,
      bootID: node,
    },
    conditions: [
      condition('Ready', 'True', 'KubeletReady'),
      ...PRESSURES.map(([type, reason]) => condition(type, 'False', reason)),
    ],
  }
}

async function renewLease(client: Client, node: string): Promise<void> {
  const renewTime = new Date().toISOString().replace('Z', '000Z')
  const spec = { holderIdentity: node, leaseDurationSeconds: 40, renewTime }
  const renewed = await client.ask('PATCH', `${LEASES}/${node}`, { body: { spec }, type: MERGE_PATCH })
  if (renewed.status !== 404) return
  const metadata = { name: node, namespace: 'kube-node-lease' }
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
  await client.ask('POST', LEASES, { body })
}

/** Resolves when the node is registered and Ready; it then keeps itself so. */
export async function joinCluster(
  client: Client,
  settings: KubeletSettings,
  say: (line: string) => void,
): Promise<void> {
  const since = timestamp()
  const writeStatus = async (): Promise<boolean> => {
    const body = { status: nodeStatus(settings, since) }
    const path = `/api/v1/nodes/${settings.node}/status`
    return (await client.ask('PATCH', path, { body, type: STRATEGIC_PATCH })).status === 200
  }
  const labels = {
    'kubernetes.io/hostname': settings.node,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
  }
  const body = { apiVersion: 'v1', kind: 'Node', metadata: { name: settings.node, labels } }
  const register = async (): Promise<boolean> => {
    const answer = await client.ask('POST', '/api/v1/nodes', { body })
    if (answer.status === 201 || answer.status === 409) return writeStatus()
    say(`registering: ${answer.status} ${answer.text.slice(0, 200)}`)
    return false
  }
  while (!(await register().catch(() => false))) await sleep(200)
  const quietly = (task: Promise<unknown>): void =>
    void task.catch((error: unknown) => say(`node: ${error instanceof Error ? error.message : String(error)}`))
  quietly(renewLease(client, settings.node))
  setInterval(() => quietly(renewLease(client, settings.node)), LEASE_MS)
  setInterval(() => quietly(writeStatus()), STATUS_MS)
}
