import { describe, expect, it } from 'vitest'
import { readiness } from '../../../src/health/readiness.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { fixture } from './fixture.ts'

type Shape = { spec?: object; status?: object; generation?: number; deletionTimestamp?: string }

function make(apiVersion: string, kind: string, { spec, status, ...metadata }: Shape): KubeObject {
  return JSON.parse(
    JSON.stringify({ apiVersion, kind, metadata: { name: 'x', ...metadata }, spec, status }),
  ) as KubeObject
}

const rolling = { generation: 2, spec: { replicas: 3 } }
const counts = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 }
const late = { conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }

describe('readiness', () => {
  it.each<[string, string, Shape, string]>([
    ['apps/v1', 'Deployment', { ...rolling, status: counts }, 'done: 3 pods available'],
    ['apps/v1', 'Deployment', { ...rolling }, 'for its controller to see the change'],
    [
      'apps/v1',
      'Deployment',
      { ...rolling, status: { ...counts, observedGeneration: 1 } },
      'for its controller to see the change',
    ],
    [
      'apps/v1',
      'Deployment',
      { ...rolling, status: { ...counts, observedGeneration: 1, ...late } },
      'for its controller to see the change',
    ],
    ['apps/v1', 'Deployment', { ...rolling, status: { ...counts, updatedReplicas: 1 } }, '1 of 3 pods updated'],
    [
      'apps/v1',
      'Deployment',
      { ...rolling, status: { ...counts, replicas: 4 } },
      'for 1 pod of the old version to end',
    ],
    ['apps/v1', 'Deployment', { ...rolling, status: { ...counts, availableReplicas: 2 } }, '2 of 3 pods available'],
    [
      'apps/v1',
      'Deployment',
      { ...rolling, status: { ...counts, ...late } },
      'failed no-progress: it made no progress for 600 s',
    ],
    [
      'apps/v1',
      'Deployment',
      { spec: { replicas: 3, paused: true }, status: counts },
      'failed paused: it is paused, so its template is not rolled out',
    ],
    ['apps/v1', 'Deployment', { spec: { replicas: 0 }, status: {} }, 'done: 0 pods available'],
    ['apps/v1', 'Deployment', { spec: {}, status: {} }, '0 of 1 pod updated'],
    [
      'apps/v1',
      'Deployment',
      { ...rolling, status: counts, deletionTimestamp: '2026-11-22T16:00:00Z' },
      'failed deleted: it is being deleted',
    ],
    ['example.com/v1', 'Deployment', { ...rolling }, 'done: there'],
    ['apps/v1', 'StatefulSet', { ...rolling, status: { ...counts, readyReplicas: 2 } }, '2 of 3 pods ready'],
    [
      'apps/v1',
      'StatefulSet',
      { ...rolling, status: { observedGeneration: 2, readyReplicas: 3, currentRevision: 'a', updateRevision: 'b' } },
      '0 of 3 pods updated',
    ],
    [
      'apps/v1',
      'StatefulSet',
      { ...rolling, status: { ...counts, currentRevision: 'b', updateRevision: 'b' } },
      'done: 3 pods ready',
    ],
    ['apps/v1', 'StatefulSet', { spec: {}, status: { readyReplicas: 0 } }, '0 of 1 pod ready'],
    [
      'apps/v1',
      'StatefulSet',
      { spec: { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } }, status: { readyReplicas: 3 } },
      '0 of 1 pod updated',
    ],
    [
      'apps/v1',
      'StatefulSet',
      { spec: { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } }, status: counts },
      'done: 1 pod updated (partition 2)',
    ],
    [
      'apps/v1',
      'StatefulSet',
      { spec: { updateStrategy: { type: 'OnDelete' } } },
      'done: changes its pods only when they are deleted (OnDelete)',
    ],
    ['apps/v1', 'DaemonSet', { generation: 1, status: {} }, 'for its controller to see the change'],
    [
      'apps/v1',
      'DaemonSet',
      { status: { desiredNumberScheduled: 4, updatedNumberScheduled: 3 } },
      '3 of 4 pods updated',
    ],
    [
      'apps/v1',
      'DaemonSet',
      { status: { desiredNumberScheduled: 4, updatedNumberScheduled: 4, numberAvailable: 1 } },
      '1 of 4 pods available',
    ],
    ['apps/v1', 'DaemonSet', { status: {} }, 'done: 0 pods available'],
    [
      'apps/v1',
      'DaemonSet',
      { spec: { updateStrategy: { type: 'OnDelete' } } },
      'done: changes its pods only when they are deleted (OnDelete)',
    ],
    ['batch/v1', 'Job', { spec: { completions: 2 }, status: { succeeded: 1 } }, '1 of 2 completed'],
    ['batch/v1', 'Job', {}, '0 of 1 completed'],
    ['batch/v1', 'Job', { spec: { suspend: true } }, 'done: suspended'],
    [
      'batch/v1',
      'Job',
      { status: { conditions: [{ type: 'FailureTarget', status: 'True', reason: 'DeadlineExceeded' }] } },
      'failed job-failed: DeadlineExceeded',
    ],
    [
      'batch/v1',
      'Job',
      { status: { conditions: [{ type: 'Failed', status: 'True' }] } },
      'failed job-failed: it failed',
    ],
    ['batch/v1', 'CronJob', {}, 'done: there'],
    ['v1', 'Pod', { status: { phase: 'Succeeded' } }, 'done: completed'],
    ['v1', 'Pod', { status: { phase: 'Failed', reason: 'Evicted' } }, 'failed pod-failed: Evicted'],
    ['v1', 'Pod', { status: { phase: 'Failed', message: 'out of disk' } }, 'failed pod-failed: out of disk'],
    ['v1', 'Pod', { status: { phase: 'Failed' } }, 'failed pod-failed: it failed'],
    ['v1', 'Pod', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }, 'done: ready'],
    ['v1', 'Pod', {}, 'to become ready'],
    ['v1', 'PersistentVolumeClaim', { status: { phase: 'Bound' } }, 'done: bound'],
    ['v1', 'PersistentVolumeClaim', { status: { phase: 'Pending' } }, 'done: bound when a pod uses it'],
    ['v1', 'PersistentVolumeClaim', { status: { phase: 'Lost' } }, 'failed volume-lost: its volume is lost'],
    ['v1', 'Namespace', { status: { phase: 'Active' } }, 'done: active'],
    ['v1', 'Namespace', {}, 'to become active'],
    ['v1', 'Service', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: {} } }, 'done: there'],
    ['v1', 'ConfigMap', {}, 'done: there'],
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', {}, 'to be established'],
    [
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      { status: { conditions: [{ type: 'Established', status: 'True' }] } },
      'done: established',
    ],
    [
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      { status: { conditions: [{ type: 'NamesAccepted', status: 'False' }] } },
      'failed names-taken: its names are taken',
    ],
    [
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      { status: { conditions: [{ type: 'NamesAccepted', status: 'False', message: 'widgets is taken' }] } },
      'failed names-taken: widgets is taken',
    ],
  ])('%s %s %j', (apiVersion, kind, shape, expected) => {
    expect(said(make(apiVersion, kind, shape))).toBe(expected)
  })

  it('waits for a claim whose class binds at once', () => {
    const claim = make('v1', 'PersistentVolumeClaim', { status: { phase: 'Pending' } })
    expect(readiness(claim, { volumeBindingMode: 'Immediate' })).toEqual({ done: false, text: 'for a volume' })
    expect(readiness(claim, { volumeBindingMode: 'WaitForFirstConsumer' }).done).toBe(true)
  })

  it.each([
    ['serving', 'done: 2 pods available'],
    ['crash-loop', '0 of 2 pods available'],
    ['no-progress', 'failed no-progress: it made no progress for 20 s'],
    ['job-complete', 'done: completed'],
    ['job-failed', 'failed job-failed: Job has reached the specified backoff limit'],
  ])('reads %s as a real cluster shows it', (name, expected) => {
    const { deployment, job } = fixture(name)
    const object = deployment ?? job
    expect(object === undefined ? '' : said({ ...object })).toBe(expected)
  })
})

function said(object: KubeObject): string {
  const { done, text, failure } = readiness(object)
  if (failure !== undefined) return `failed ${failure.code}: ${failure.message}`
  return done ? `done: ${text}` : text
}
