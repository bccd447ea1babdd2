/** Pods that the cluster takes away, and nodes in trouble: told, and left to the controllers. */
import { describe, it } from 'vitest'
import type { Pod } from '../../src/shared/objects.ts'
import type { PodBehaviour } from '../emulator/pods/behaviour.ts'
import { expectWaiting, type WaitingRow } from './diagnosed.ts'

const condition = (type: string, status: string, reason?: string, message?: string) => ({
  type,
  status,
  ...(reason === undefined ? {} : { reason }),
  ...(message === undefined ? {} : { message }),
})
const taken = (reason: string, message: string): PodBehaviour => ({
  neverReady: true,
  podStatus: () => ({ conditions: [condition('DisruptionTarget', 'True', reason, message)] }),
})

const WAITING: [string, WaitingRow][] = [
  [
    'that is preempted',
    {
      behaviour: taken('PreemptionByScheduler', 'preempting to accommodate a higher priority pod'),
      code: 'evicted',
      after: 0,
      says: /^Pod\/echo-version-\S+ was evicted for a pod of higher priority: preempting to accommodate/,
      next: /its controller makes another; .*priorityClassName/,
    },
  ],
  [
    'that its node ends',
    {
      behaviour: taken('TerminationByKubelet', 'The node was low on resource: memory.'),
      code: 'evicted',
      after: 0,
      says: /was ended by its node: The node was low on resource: memory\./,
      next: /memory and disk of the node/,
    },
  ],
  [
    'that is evicted on request',
    {
      behaviour: taken('EvictionByEvictionAPI', 'Eviction API: evicting'),
      code: 'evicted',
      after: 0,
      says: /was evicted on request: Eviction API: evicting/,
      next: /who drains the node/,
    },
  ],
  [
    'that a taint evicts',
    {
      behaviour: taken('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'),
      code: 'evicted',
      after: 0,
      says: /was evicted by a taint of its node: Taint manager/,
      next: /taints of the node and the tolerations/,
    },
  ],
  [
    'on a node that does not answer',
    {
      behaviour: { podStatus: () => ({ conditions: [condition('Ready', 'Unknown', 'NodeStatusUnknown')] }) },
      code: 'node',
      after: 0,
      says: /^Pod\/echo-version-\S+ is on a node that does not answer \(node1\)/,
      next: /look at the node/,
    },
  ],
  [
    'that its node in trouble made unready',
    {
      behaviour: { podStatus: () => ({ conditions: [condition('Ready', 'False')] }) },
      code: 'node',
      after: 10_000,
      says: /counts as not ready although its containers are: its node is in trouble \(node1\)/,
      next: /look at the node/,
    },
  ],
  [
    'that its node evicts: its controller makes another, and nothing waits for the one that is over',
    {
      behaviour: {
        neverReady: 'warming up',
        podStatus: firstOnly({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on disk' }),
      },
      code: 'evicted',
      after: 2_000,
      says: /readiness probe: warming up/,
      next: /readinessProbe/,
      shows: /also seen[^]*was evicted: The node was low on disk/,
    },
  ],
]

/** A status for the first pod that asks for one, and none for others. */
function firstOnly(status: ReturnType<NonNullable<PodBehaviour['podStatus']>>): NonNullable<PodBehaviour['podStatus']> {
  let first: string | undefined
  return ({ metadata }: Pod) => ((first ??= metadata.uid) === metadata.uid ? status : undefined)
}

describe('a pod', () => {
  it.each(WAITING)('%s, is told and waited for', (_, row) => expectWaiting(row))
})
