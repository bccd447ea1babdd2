/** Which of several things that a status says is the cause, and what only events or other writers add to it. */
import { describe, expect, it } from 'vitest'
import { together } from '../../../src/health/diagnosis.ts'
import { GRACE } from '../../../src/health/grace.ts'
import { isEnded } from '../../../src/health/pods.ts'
import type { Condition, Job, Pod } from '../../../src/shared/objects.ts'
import { brief, ended, event, look, NOW, only, pod, podWith, waiting } from './fixture.ts'

describe('what a container waits for', () => {
  const before = { restartCount: 2, lastState: ended(137) }

  it.each([
    ['CreateContainerConfigError', 'secret "db" not found', 'missing-config after-grace'],
    ['PostStartHookError', 'exit 3', 'create-container after-grace'],
    ['ImagePullBackOff', 'manifest unknown', 'image-pull now FATAL'],
    // It passes by itself, and the crash does not.
    ['CreateContainerConfigError', 'failed to sync secret cache', 'crash-loop now FATAL'],
  ])('%s (%s) stands before how an earlier start ended', (reason, message, expected) => {
    expect(brief(look({ pods: [podWith({ ...before, state: waiting(reason, message) })] }))).toEqual([expected])
  })

  it('names the event of a hook where the status says nothing', () => {
    const events = [event('FailedPostStartHook', 'PostStartHook failed')]
    const failing = podWith({ state: waiting('PostStartHookError') })
    expect(only(look({ pods: [failing], events })).sentence).toMatch(/cannot be started: PostStartHook failed$/)
    expect(only(look({ pods: [failing] })).sentence).toMatch(/cannot be started: PostStartHookError$/)
  })

  it('does not begin its grace anew when events come late and name it better', () => {
    const firstSeen = new Map<string, number>()
    const killed = podWith(
      { restartCount: 1, state: waiting('CrashLoopBackOff'), lastState: ended(137, 'Error', 120) },
      { livenessProbe: {} },
    )
    const first = look({ pods: [killed], firstSeen })
    expect(first.nextCheckAt).toBe(NOW + GRACE.slowCrash)
    const events = [event('Unhealthy', 'Liveness probe failed: HTTP 500')]
    const { fatal } = look({ pods: [killed], firstSeen, events, now: NOW + GRACE.slowCrash })
    expect(fatal).toMatchObject({ code: 'liveness', since: NOW })
  })
})

describe('what others write to a pod', () => {
  const disrupted = (reason: string): Pod =>
    pod({ status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message: 'why' }] } })

  it.each([
    ['PreemptionByScheduler', 'was evicted for a pod of higher priority: why', /priorityClassName/],
    ['TerminationByKubelet', 'was ended by its node: why', /memory and disk/],
    ['EvictionByEvictionAPI', 'was evicted on request: why', /drains/],
    ['DeletionByTaintManager', 'was evicted by a taint of its node: why', /tolerations/],
    ['DeletionByPodGC', 'was removed because its node is gone: why', /the node/],
    ['SomethingNew', 'was evicted: why', /requests/],
  ])('%s', (reason, says, hint) => {
    const symptom = only(look({ pods: [disrupted(reason)] }))
    expect(symptom).toMatchObject({ code: 'evicted', fatal: 'never', sentence: `Pod/web-1 ${says}` })
    expect(symptom.hint).toMatch(hint)
  })

  const ready = (unready: Omit<Condition, 'type' | 'status'>, containerReady = true): Pod =>
    pod({
      status: {
        conditions: [{ type: 'Ready', status: 'False', ...unready }],
        containerStatuses: [{ name: 'app', ready: containerReady, state: { running: {} } }],
      },
    })

  it('a node in trouble: not ready, although all containers are', () => {
    expect(brief(look({ pods: [ready({})], grace: { notReady: 0 } }))).toEqual(['node never'])
    expect(look({ pods: [ready({})] }).symptoms).toEqual([])
    expect(brief(look({ pods: [ready({}, false)], grace: { notReady: 0 } }))).toEqual(['readiness never'])
    expect(look({ pods: [ready({ reason: 'ContainersNotReady' })], grace: { notReady: 0 } }).symptoms).toEqual([])
  })

  it('a gate is told by its own condition, if that says anything', () => {
    const gated = ready({ reason: 'ReadinessGatesNotReady', message: 'gates are closed' })
    gated.spec['readinessGates'] = [{ conditionType: 'lb/x' }, { conditionType: 'lb/y' }, { conditionType: 'lb/z' }]
    const says = (conditions: Condition[]): string => {
      const status = { ...gated.status, conditions: [...(gated.status?.conditions ?? []), ...conditions] }
      return only(look({ pods: [{ ...gated, status }], grace: { notReady: 0 } })).sentence
    }
    const start = 'Pod/web-1 waits for its readiness gates: '
    expect(says([])).toBe(`${start}gates are closed`)
    expect(says([{ type: 'lb/x', status: 'False' }])).toBe(`${start}gates are closed`)
    const open = { type: 'lb/y', status: 'True', reason: 'Healthy' }
    expect(says([{ type: 'lb/x', status: 'False', reason: 'Initial', message: 'checking' }, open])).toBe(
      `${start}lb/x: Initial, checking`,
    )
  })

  it('a pod is over or not', () => {
    const phases = ['Pending', 'Running', 'Unknown', 'Succeeded', 'Failed']
    expect(phases.filter((phase) => isEnded(pod({ status: { phase } })))).toEqual(['Succeeded', 'Failed'])
    expect(isEnded(pod())).toBe(false)
  })
})

describe('a pod without a node', () => {
  function pending(reason: string, message: string): Pod {
    const made = pod({ status: { conditions: [{ type: 'PodScheduled', status: 'False', reason, message }] } })
    delete made.spec.nodeName
    return made
  }

  it('that the scheduler stumbles over', () => {
    const symptom = only(look({ pods: [pending('SchedulerError', 'broken')] }))
    expect(symptom).toMatchObject({ code: 'unschedulable', fatal: 'never' })
    expect(symptom.sentence).toBe('Pod/web-1 has no node: the scheduler met an error: broken')
  })

  it('takes the newest word of the cluster autoscaler', () => {
    const at = (seconds: number) => ({ lastTimestamp: new Date(NOW + seconds * 1_000).toISOString() })
    const no = (seconds: number) => event('NotTriggerScaleUp', 'max size reached', at(seconds))
    const yes = (seconds: number) => event('TriggeredScaleUp', 'workers 1->2', at(seconds))
    const says = (...events: ReturnType<typeof no>[]) => look({ pods: [pending('Unschedulable', 'x')], events })
    expect(brief(says(no(-5), yes(-1)))).toEqual(['unschedulable never'])
    expect(brief(says(yes(-5), no(-1)))).toEqual(['unschedulable after-grace'])
    expect(only(says(no(-1))).sentence).toBe(
      'Pod/web-1 fits on no node: x; the cluster autoscaler adds none: max size reached',
    )
  })
})

describe('a Job without pods', () => {
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'migrate', namespace: 'shop', uid: 'uid-job' },
    spec: { template: { spec: { containers: [{ name: 'm' }] } } },
  }
  const involvedObject = { kind: 'Job', name: 'migrate', uid: 'uid-job' }

  it('is told by the newest event of it', () => {
    const events = [
      event('FailedCreate', 'Error creating: something', { involvedObject, lastTimestamp: '2026-11-22T16:00:00Z' }),
      event('FailedCreate', 'Error creating: pods "migrate-x" is forbidden: violates PodSecurity "restricted"', {
        involvedObject,
      }),
    ]
    expect(only(look({ job, events }))).toMatchObject({
      code: 'pod-security',
      fatal: 'now',
      sentence: 'Job/migrate may not make its pods: violates PodSecurity "restricted"',
    })
  })

  it('has no reason that is known at first', () => {
    const other = event('FailedCreate', 'Error', { involvedObject: { kind: 'Job', name: 'migrate', uid: 'another' } })
    const diagnosis = look({ job, events: [other] })
    expect(diagnosis.symptoms).toEqual([])
    expect(diagnosis.unexplained).toMatchObject([{ object: { kind: 'Job', name: 'migrate' }, since: NOW }])
    expect(only(look({ job, grace: { starting: 0 } })).sentence).toBe('Job/migrate has no pods yet')
  })

  it.each([
    ['is suspended', { ...job, spec: { ...job.spec, suspend: true } }],
    ['is complete', { ...job, status: { conditions: [{ type: 'Complete', status: 'True' }] } }],
  ])('is well when it %s', (_, well) => {
    expect(look({ job: well, grace: { starting: 0 } })).toEqual({ symptoms: [] })
  })
})

describe('what a status does not explain', () => {
  it('is named once per object, the longest first', () => {
    const firstSeen = new Map<string, number>()
    const starting = podWith({ state: waiting('ContainerCreating') }, {}, 'b')
    look({ pods: [starting], firstSeen, now: NOW - 5_000 })
    const unready = podWith({ started: true, state: { running: {} } }, {}, 'a')
    const crashed = podWith({ state: ended(1) }, {}, 'c')
    const { unexplained } = look({ pods: [crashed, unready, starting], firstSeen })
    expect(unexplained?.map(({ object, since }) => [object.name, since])).toEqual([
      ['b', NOW - 5_000],
      ['a', NOW],
    ])
  })
})

describe('several workloads', () => {
  it('are one diagnosis: the deepest cause first, whichever has it', () => {
    const late = podWith({ state: waiting('ContainerCreating') }, {}, 'a')
    const bad = podWith({ state: waiting('InvalidImageName') }, {}, 'b')
    const both = together([look({ pods: [late], grace: { starting: 0 } }), look({ pods: [bad] })])
    expect(brief(both)).toEqual(['image-pull now FATAL', 'starting never'])
    const gone = together([look({ pods: [late] }), { symptoms: [] }])
    expect(gone).toEqual({ symptoms: [], nextCheckAt: NOW + GRACE.starting })
    expect(together([])).toEqual({ symptoms: [] })
  })
})
