/** Pods without a node, a volume, a network or readiness: told and waited for, or fatal, by the rule of each. */
import { describe, it } from 'vitest'
import type { PodBehaviour } from '../emulator/pods/behaviour.ts'
import { expectFatal, expectWaiting, type FatalRow, type WaitingRow } from './diagnosed.ts'

const NO_CPU = '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available.'
const LB = 'target-health.elbv2.k8s.aws/web'
const creating = (reason: string, message: string): PodBehaviour => ({
  stuck: { reason: 'ContainerCreating' },
  events: [{ reason, message }],
})
const condition = (type: string, status: string, reason?: string, message?: string) => ({
  type,
  status,
  ...(reason === undefined ? {} : { reason }),
  ...(message === undefined ? {} : { message }),
})
const FATAL: [string, FatalRow][] = [
  [
    'that fits on no node, with the count of each reason',
    {
      behaviour: { unschedulable: NO_CPU },
      code: 'unschedulable',
      grace: 30_000,
      says: /^Pod\/echo-version-\S+ fits on no node: 0\/3 nodes are available: 3 Insufficient cpu$/,
      next: /lower its requests, add nodes, or correct nodeSelector/,
      shows: /FailedScheduling/,
    },
  ],
  [
    'that the cluster autoscaler cannot help',
    {
      behaviour: {
        unschedulable: NO_CPU,
        events: [
          { reason: 'NotTriggerScaleUp', message: "pod didn't trigger scale-up: 1 max node group size reached" },
        ],
      },
      code: 'unschedulable',
      grace: 30_000,
      says: /3 Insufficient cpu; the cluster autoscaler adds none: pod didn't trigger scale-up: 1 max node group/,
      next: /lower its requests/,
    },
  ],
  [
    'whose claim is not there',
    {
      behaviour: { unschedulable: '0/1 nodes are available: persistentvolumeclaim "data" not found.' },
      code: 'unschedulable',
      grace: 30_000,
      says: /persistentvolumeclaim "data" not found/,
      next: /look at the claims/,
    },
  ],
  [
    'whose volume names a Secret that is not there',
    {
      behaviour: creating('FailedMount', 'MountVolume.SetUp failed for volume "tls" : secret "tls" not found'),
      code: 'volume',
      grace: 8_000,
      says: /^Container app of Pod\/echo-version-\S+ waits for a volume: MountVolume\S+ failed for volume "tls" : secret "tls" not found$/,
      next: /create what the volume refers to, or correct its name/,
      shows: /FailedMount/,
    },
  ],
]

const WAITING: [string, WaitingRow][] = [
  [
    'for which the cluster autoscaler adds a node',
    {
      behaviour: {
        unschedulable: NO_CPU,
        events: [{ reason: 'TriggeredScaleUp', message: 'pod triggered scale-up: [{workers 1->2 (max: 5)}]' }],
      },
      code: 'unschedulable',
      after: 0,
      says: /^Pod\/echo-version-\S+ waits for a new node \(0\/3 nodes are available: 3 Insufficient cpu\)/,
      next: /autoscaler is adding one/,
    },
  ],
  [
    'behind a scheduling gate',
    {
      podSpec: { schedulingGates: [{ name: 'queue.test/admitted' }] },
      code: 'unschedulable',
      after: 0,
      says: /^Pod\/echo-version-\S+ is held back by its scheduling gates \(queue\.test\/admitted\)/,
      next: /what removes the gate/,
    },
  ],
  [
    'that the scheduler stumbles over',
    {
      behaviour: { unschedulable: 'binding rejected: plugin "x" timed out', unschedulableReason: 'SchedulerError' },
      code: 'unschedulable',
      after: 0,
      says: /^Pod\/echo-version-\S+ has no node: the scheduler met an error: binding rejected: plugin "x" timed out/,
      next: /the scheduler tries again/,
    },
  ],
  [
    'whose volume is not attached',
    {
      behaviour: creating('FailedAttachVolume', 'Multi-Attach error for volume "pvc-1"'),
      code: 'volume',
      after: 2_000,
      says: /waits for a volume: Multi-Attach error for volume "pvc-1"/,
      next: /look at the volume and the node/,
    },
  ],
  [
    'whose mount waits for a cache of the kubelet',
    {
      behaviour: creating('FailedMount', 'MountVolume.SetUp failed: failed to sync configmap cache: timed out'),
      code: 'volume',
      after: 2_000,
      says: /waits for a volume: .* failed to sync configmap cache/,
      next: /volume/,
    },
  ],
  [
    'without a network',
    {
      behaviour: creating('FailedCreatePodSandBox', 'plugin type="cni" failed (add): no address left'),
      code: 'sandbox',
      after: 2_000,
      says: /waits for its network: plugin type="cni" failed \(add\): no address left/,
      next: /look at the node/,
    },
  ],
  [
    'that does not start, and nothing says why',
    {
      behaviour: {
        stuck: { reason: 'ContainerCreating' },
        podStatus: () => ({ conditions: [condition('PodReadyToStartContainers', 'False')] }),
      },
      code: 'starting',
      after: 30_000,
      says: /has not started yet \(ContainerCreating\): volumes and network of the pod are not there yet/,
      next: /events of the pod/,
    },
  ],
  [
    'whose readiness probe fails, with its last answer',
    {
      behaviour: { neverReady: 'HTTP probe failed with statuscode: 404' },
      code: 'readiness',
      after: 2_000,
      says: /^Container app of Pod\/echo-version-\S+ runs, but fails its readiness probe: HTTP 404 \(\d+ times\)/,
      next: /path and port of the readinessProbe/,
      shows: /Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404/,
    },
  ],
  [
    'whose startup probe still fails',
    {
      behaviour: { neverReady: 'HTTP probe failed with statuscode: 500' },
      container: { startupProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, failureThreshold: 900 } },
      code: 'startup',
      after: 2_000,
      says: /^Container app of Pod\/echo-version-\S+ runs, but fails its startup probe: HTTP 500 \(\d+ times\)/,
      next: /path and port of the startupProbe/,
    },
  ],
  [
    'behind a readiness gate, with what the load balancer says of it',
    {
      podSpec: { readinessGates: [{ conditionType: LB }] },
      behaviour: {
        podStatus: () => ({
          conditions: [condition(LB, 'False', 'Elb.InitialHealthChecking', 'Initial health checks')],
        }),
      },
      code: 'readiness',
      after: 10_000,
      says: /^Pod\/echo-version-\S+ waits for its readiness gates: \S+\/web: Elb\.InitialHealthChecking, Initial health/,
      next: /health check of the load balancer/,
    },
  ],
]

describe('a pod', () => {
  it.each(FATAL)('%s, ends the step', (_, row) => expectFatal(row))
  it.each(WAITING)('%s, is told and waited for', (_, row) => expectWaiting(row))
})
