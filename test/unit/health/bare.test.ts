import { describe, expect, it } from 'vitest'
import type { ContainerState, Job, KubeEvent, Pod, ReplicaSet } from '../../../src/shared/objects.ts'
import { look, NOW, waiting } from './fixture.ts'

/** Objects with as little in them as the types allow: nothing may be taken for granted, and nothing may throw. */
describe('bare objects', () => {
  const meta = { apiVersion: 'v1', metadata: {} }
  const container = { name: 'app' }
  const states: Pod['status'][] = [
    undefined,
    {},
    { phase: 'Failed' },
    { phase: 'Unknown' },
    { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] },
    { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    { containerStatuses: [{ name: 'app' }] },
    { containerStatuses: [{ name: 'app', state: waiting('ErrImagePull') }] },
    { containerStatuses: [{ name: 'app', state: waiting('CreateContainerConfigError', 'x') }] },
    { containerStatuses: [{ name: 'app', state: waiting('ContainerCreating') }] },
    { containerStatuses: [{ name: 'app', state: { running: {} } }] },
    { containerStatuses: [{ name: 'app', state: { terminated: { exitCode: 1 } } }] },
    { initContainerStatuses: [{ name: 'setup', state: { terminated: { exitCode: 1 } } }] },
  ]
  const reasons = ['Failed', 'FailedMount', 'FailedCreatePodSandBox', 'Unhealthy', 'Killing']
  const events = reasons.flatMap((reason): KubeEvent[] => [
    { ...meta, kind: 'Event' },
    { ...meta, kind: 'Event', reason, involvedObject: { kind: 'Pod' } },
    { ...meta, kind: 'Event', reason, involvedObject: { kind: 'Pod', name: 'web' } },
  ])

  it.each(states)('a pod with status %j', (status) => {
    for (const metadata of [{}, { name: 'web', uid: 'u' }]) {
      const pod: Pod = {
        ...meta,
        kind: 'Pod',
        metadata,
        spec: { containers: [container] },
        ...(status === undefined ? {} : { status }),
      }
      for (const given of [[], events]) {
        const { symptoms } = look({
          pods: [pod, { ...pod, spec: { ...pod.spec, nodeName: 'n' } }],
          events: given,
          grace: { starting: 0, notReady: 0 },
        })
        for (const { sentence, hint, since } of symptoms) {
          expect(sentence).toMatch(/^((Container|Init container) (app|setup) of )?Pod\/(web)? \S/)
          expect(hint).not.toBe('')
          expect(since).toBe(NOW)
        }
      }
    }
  })

  it('a volume whose event says nothing, and a probe that answered nothing', () => {
    const about = { involvedObject: { kind: 'Pod', name: 'web' } }
    const pod = (state: ContainerState): Pod => ({
      ...meta,
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [container], nodeName: 'n' },
      status: { containerStatuses: [{ name: 'app', state }] },
    })
    const said = (reason: string, state: ContainerState): string | undefined =>
      look({ pods: [pod(state)], events: [{ ...meta, kind: 'Event', reason, ...about }] }).symptoms[0]?.sentence
    expect(said('FailedMount', { waiting: {} })).toBe('Container app of Pod/web waits for a volume: no reason given')
    expect(said('FailedCreatePodSandBox', { waiting: {} })).toBe(
      'Container app of Pod/web waits for its network: no reason given',
    )
    expect(said('Unhealthy', { running: {} })).toBeUndefined()
  })

  it('a ReplicaSet, a Job and a Deployment', () => {
    const template = { spec: { containers: [container] } }
    const conditions = [{ type: 'ReplicaFailure', status: 'True' }]
    const replicaSet: ReplicaSet = {
      ...meta,
      kind: 'ReplicaSet',
      spec: { selector: {}, template },
      status: { conditions },
    }
    expect(look({ replicaSet }).symptoms[0]?.sentence).toBe('ReplicaSet/ may not make its pods: no reason given')
    const failed: Job = {
      ...meta,
      kind: 'Job',
      spec: { template },
      status: { conditions: [{ type: 'Failed', status: 'True' }] },
    }
    expect(look({ job: failed }).fatal?.sentence).toBe('Job/ failed')
    const pods: Pod[] = ['2026-11-22T16:00:00Z', '2026-11-22T16:30:00Z', undefined].map((finishedAt, index) => ({
      ...meta,
      kind: 'Pod',
      spec: template.spec,
      status: {
        containerStatuses: [
          {
            name: 'app',
            lastState: { terminated: { exitCode: index + 1, ...(finishedAt === undefined ? {} : { finishedAt }) } },
          },
        ],
      },
    }))
    expect(look({ job: failed, pods }).fatal?.sentence).toMatch(/exit code 2/)
    const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }]
    const deployment = { ...meta, kind: 'Deployment', spec: { selector: {}, template }, status: { conditions: late } }
    expect(look({ deployment }).fatal?.sentence).toBe('Deployment/ made no progress for 600 s')
    const unseen = { ...deployment, metadata: { generation: 1 }, status: {} }
    expect(look({ deployment: unseen, grace: { starting: 0 } }).symptoms[0]?.code).toBe('controller')
    expect(look({ deployment: { ...deployment, status: {} } }).symptoms).toEqual([])
  })
})
