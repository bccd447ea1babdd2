import { describe, expect, it } from 'vitest'
import { GRACE } from '../../../src/health/grace.ts'
import type { Diagnosis } from '../../../src/health/symptom.ts'
import type { ContainerStatus, Deployment, KubeEvent, Pod, ReplicaSet } from '../../../src/shared/objects.ts'
import { brief, ended, event, fixture, look, NOW, only, pod, podWith, waiting } from './fixture.ts'

describe('objects of a real cluster', () => {
  it.each<[string, string[]]>([
    ['serving', []],
    ['job-complete', []],
    ['crash-loop', ['crash-loop now FATAL', 'crash-loop now']],
    ['crash-after-ready', ['crash-loop now FATAL', 'crash-loop now']],
    ['image-pull', ['image-pull now FATAL', 'image-pull now']],
    ['liveness', ['liveness now FATAL', 'liveness now']],
    ['unschedulable', ['unschedulable after-grace', 'unschedulable after-grace']],
    ['gated', ['unschedulable never']],
    ['readiness', ['readiness never', 'readiness never', 'no-progress now FATAL']],
    ['quota', ['quota after-grace']],
    ['no-progress', ['quota after-grace', 'no-progress now FATAL']],
    ['pod-security', ['pod-security now FATAL']],
    ['limit-range', ['limit-range now FATAL']],
    ['requests-missing', ['limit-range now FATAL']],
    ['service-account', ['service-account after-grace']],
    ['job-failed', ['crash-loop never', 'crash-loop never', 'job-failed now FATAL']],
  ])('%s', (name, expected) => {
    expect(brief(look(fixture(name)))).toEqual(expected)
  })

  it('names object, cause and next move', () => {
    expect(only(look({ ...fixture('quota'), pods: [] }))).toMatchObject({
      sentence:
        'ReplicaSet/full-c45f4b5b7 may not make its pods: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2',
      object: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'full-c45f4b5b7', namespace: 'q' },
    })
    expect(look(fixture('readiness')).fatal?.sentence).toMatch(
      /^Deployment\/unready made no progress for 20 s: Container app of Pod\/unready-\S+ runs, but fails its readiness probe: HTTP 503 \(31 times\)$/,
    )
    expect(look(fixture('job-failed')).fatal).toMatchObject({
      sentence:
        'Job/migrate failed (BackoffLimitExceeded): container app ended with exit code 1 (an error of the application)',
      wantsLogs: { container: 'app', previous: false },
    })
    const [crash] = look(fixture('crash-loop')).symptoms
    expect(crash?.sentence).toMatch(
      /ended with exit code 1 \(an error of the application\) after 1\.0s, restarted once$/,
    )
    expect(crash?.wantsLogs).toMatchObject({ container: 'app', previous: true, namespace: 'd' })
  })

  /** index of the first state that is called bad, as the watch told them */
  function calledBadAt(name: string): number {
    const firstSeen = new Map<string, number>()
    return (fixture(name).states ?? []).findIndex((state, index) => {
      const diagnosis = look({ pods: [state], now: NOW + index * 100, firstSeen })
      return diagnosis.fatal !== undefined
    })
  }

  it('calls a crash loop bad with its first back-off, a second after the start', () => {
    const state = fixture('crash-loop').states?.[calledBadAt('crash-loop')]
    expect(state?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
    })
  })

  it('calls a missing image bad with its first back-off', () => {
    const state = fixture('image-pull').states?.[calledBadAt('image-pull')]
    expect(state?.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('ImagePullBackOff')
  })

  it('calls it bad when a pod ends after it was ready, before it is restarted', () => {
    const state = fixture('crash-after-ready').states?.[calledBadAt('crash-after-ready')]
    expect(state?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      state: { terminated: { exitCode: 1 } },
    })
  })
})

describe('a container that cannot be made', () => {
  const rows: [string, string, string, RegExp][] = [
    [
      'CreateContainerConfigError',
      'secret "db" not found',
      'missing-config after-grace',
      /cannot be made: secret "db" not found/,
    ],
    [
      'CreateContainerConfigError',
      'failed to sync secret cache: timed out waiting for the condition',
      'missing-config never',
      /cache/,
    ],
    ['CreateContainerConfigError', '', 'missing-config after-grace', /configuration is wrong/],
    [
      'CreateContainerConfigError',
      'container has runAsNonRoot and image will run as root',
      'security-context now FATAL',
      /runAsNonRoot/,
    ],
    ['CreateContainerError', '', 'create-container after-grace', /cannot be started: CreateContainerError/],
    [
      'RunContainerError',
      'exec: "srv": executable file not found in $PATH',
      'create-container after-grace',
      /executable file not found/,
    ],
  ]
  it.each(rows)('%s: %s', (reason, message, expected, says) => {
    const diagnosis = look({ pods: [podWith({ state: waiting(reason, message) })] })
    expect(brief(diagnosis)).toEqual([expected])
    expect(only(diagnosis).sentence).toMatch(says)
  })

  it.each([
    ['RunContainerError', 'cgroup trouble', GRACE.createContainer],
    ['RunContainerError', 'permission denied', GRACE.imagePull],
    ['CreateContainerConfigError', 'configmap "web" not found', GRACE.missingConfig],
  ])('%s (%s) is bad after its grace', (reason, message, grace) => {
    expect(look({ pods: [podWith({ state: waiting(reason, message) })] }).nextCheckAt).toBe(NOW + grace)
  })

  const creating = waiting('ContainerCreating')
  it.each<[string, KubeEvent[], string[], RegExp]>([
    [
      'missing volume',
      [event('FailedMount', 'MountVolume.SetUp failed: configmap "web" not found')],
      ['volume after-grace'],
      /waits for a volume: MountVolume/,
    ],
    ['slow volume', [event('FailedAttachVolume', 'Multi-Attach error')], ['volume never'], /Multi-Attach/],
    [
      'network',
      [event('FailedCreatePodSandBox', 'no address left')],
      ['sandbox never'],
      /waits for its network: no address left/,
    ],
  ])('%s', (_, events, expected, says) => {
    const diagnosis = look({ pods: [podWith({ state: creating })], events })
    expect(brief(diagnosis)).toEqual(expected)
    expect(only(diagnosis).sentence).toMatch(says)
  })

  it('is told only when it takes long', () => {
    const firstSeen = new Map<string, number>()
    const pods = [podWith({ state: { waiting: {} } })]
    expect(look({ pods, firstSeen })).toMatchObject({ symptoms: [], nextCheckAt: NOW + GRACE.starting })
    expect(only(look({ pods, firstSeen, now: NOW + GRACE.starting })).sentence).toBe(
      'Container app of Pod/web-1 has not started yet (no reason given)',
    )
  })
})

describe('a pod that is not ready', () => {
  const running: Partial<ContainerStatus> = { started: true, state: { running: {} } }
  const probe = { readinessProbe: { httpGet: { port: 8080 } } }

  it('is no news at first, and never fatal', () => {
    const firstSeen = new Map<string, number>()
    const pods = [podWith(running, probe)]
    expect(look({ pods, firstSeen })).toMatchObject({ symptoms: [], nextCheckAt: NOW + GRACE.notReady })
    const later = look({ pods, firstSeen, now: NOW + GRACE.notReady })
    expect(brief(later)).toEqual(['readiness never'])
    expect(only(later).sentence).toBe('Container app of Pod/web-1 runs, but has not passed its readiness probe')
    expect(later.nextCheckAt).toBeUndefined()
  })

  it('without a probe it is said so', () => {
    expect(only(look({ pods: [podWith(running)], grace: { notReady: 0 } })).sentence).toMatch(/runs, but is not ready$/)
  })

  it.each([
    [
      'Readiness probe failed: dial tcp 10.0.0.7:8080: connect: connection refused',
      3,
      /connection refused \(3 times\)$/,
    ],
    ['Readiness probe failed: HTTP probe failed with statuscode: 404', 5, /: HTTP 404 \(5 times\)$/],
    ['Readiness probe errored and resulted in unknown state: timeout', 4, /: timeout \(4 times\)$/],
    ['Readiness probe failed: ', 3, /: no answer \(3 times\)$/],
  ])('shows the last answer: %s', (message, count, says) => {
    const events = [event('Unhealthy', 'Readiness probe failed: old', { lastTimestamp: '2026-11-22T16:00:00Z' })]
    events.push(event('Unhealthy', message, { count: count - 1 }))
    const symptom = only(look({ pods: [podWith(running, probe)], events }))
    expect(symptom).toMatchObject({ code: 'readiness', fatal: 'never' })
    expect(symptom.sentence).toMatch(says)
  })

  it('knows a startup probe', () => {
    const events = [
      event('Unhealthy', 'Startup probe failed: HTTP probe failed with statuscode: 500', { series: { count: 9 } }),
    ]
    const slow = podWith({ started: false, state: { running: {} } }, { ...probe, startupProbe: {} })
    expect(only(look({ pods: [slow], events })).sentence).toMatch(/fails its startup probe: HTTP 500 \(9 times\)/)
  })

  it('waits for what a load balancer says', () => {
    const conditions = [
      { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: 'gate lb/x is not True' },
    ]
    const gated = pod({ status: { conditions } })
    expect(only(look({ pods: [gated], grace: { notReady: 0 } })).sentence).toBe(
      'Pod/web-1 waits for its readiness gates: gate lb/x is not True',
    )
    expect(
      look({
        pods: [pod({ status: { conditions: [{ type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady' }] } })],
      }).symptoms,
    ).toEqual([])
  })

  it('is left out while it is being deleted', () => {
    const going = podWith({ state: waiting('InvalidImageName') })
    going.metadata.deletionTimestamp = '2026-11-22T16:59:59Z'
    expect(look({ pods: [going] })).toEqual({ symptoms: [] })
  })
})

describe('a pod without a node', () => {
  function pending(reason: string | undefined, message?: string): Pod {
    const why = { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
    const made = pod({ status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', ...why }] } })
    delete made.spec.nodeName
    return made
  }

  it('is bad after its grace', () => {
    const firstSeen = new Map<string, number>()
    const pods = [pending('Unschedulable', '0/3 nodes are available: 3 Insufficient cpu. preemption: none.')]
    expect(look({ pods, firstSeen })).toMatchObject({ nextCheckAt: NOW + GRACE.unschedulable })
    const { fatal } = look({ pods, firstSeen, now: NOW + GRACE.unschedulable })
    expect(fatal?.sentence).toBe('Pod/web-1 fits on no node: 0/3 nodes are available: 3 Insufficient cpu')
  })

  it('has a grace anew when it came back', () => {
    const firstSeen = new Map<string, number>()
    look({ pods: [pending('Unschedulable')], firstSeen })
    look({ pods: [pod()], firstSeen })
    const later = look({ pods: [pending('Unschedulable')], firstSeen, now: NOW + 60_000 })
    expect(later.fatal).toBeUndefined()
    expect(later.nextCheckAt).toBe(NOW + 60_000 + GRACE.unschedulable)
    expect(only(later).sentence).toMatch(/the scheduler gives no reason/)
  })

  it('waits while the cluster grows', () => {
    const events = [event('TriggeredScaleUp', 'pod triggered scale-up')]
    expect(brief(look({ pods: [pending('Unschedulable', 'x')], events }))).toEqual(['unschedulable never'])
  })

  it('names gates that it cannot read', () => {
    expect(only(look({ pods: [pending('SchedulingGated')] })).sentence).toMatch(/scheduling gates \(unknown\)/)
  })

  it.each([
    [pending('NotTried', 'busy'), 'Pod/web-1 has no node yet: busy'],
    [pending(undefined), 'Pod/web-1 has no node yet'],
  ])('nobody schedules it', (candidate, says) => {
    expect(only(look({ pods: [candidate], grace: { starting: 0 } })).sentence).toBe(says)
    expect(look({ pods: [candidate] }).symptoms).toEqual([])
  })
})

describe('a pod that the cluster took away', () => {
  it.each<[string, Pod['status'], string, RegExp]>([
    [
      'evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory' },
      'evicted never',
      /evicted: The node was low/,
    ],
    [
      'preempted',
      { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
      'evicted never',
      /PreemptionByScheduler/,
    ],
    [
      'disrupted without a word',
      { conditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      'evicted never',
      /no reason given/,
    ],
    ['refused by its node', { phase: 'Failed', reason: 'OutOfcpu' }, 'pod-failed never', /OutOfcpu/],
    ['on a lost node', { phase: 'Unknown' }, 'node never', /node that does not answer \(node1\)/],
    ['on a silent node', { conditions: [{ type: 'Ready', status: 'Unknown' }] }, 'node never', /node1/],
    [
      'on a node known as lost',
      { conditions: [{ type: 'Ready', status: 'False', reason: 'NodeLost' }] },
      'node never',
      /node1/,
    ],
  ])('%s', (_, status, expected, says) => {
    const diagnosis = look({ pods: [pod({ status })] })
    expect(brief(diagnosis)).toEqual([expected])
    expect(only(diagnosis).sentence).toMatch(says)
  })

  it('in a Job shows by its containers', () => {
    const { job } = fixture('job-complete')
    const failed = podWith({ state: ended(2) })
    expect(brief(look({ pods: [{ ...failed, status: { ...failed.status, phase: 'Failed' } }], job }))).toEqual([
      'crash-loop never',
    ])
  })
})

describe('pods that may not be made', () => {
  function refused(message: string, more: Partial<ReplicaSet['metadata']> = {}): ReplicaSet {
    const { replicaSet } = fixture('quota')
    if (replicaSet === undefined) throw new Error('no ReplicaSet')
    const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }]
    return { ...replicaSet, metadata: { ...replicaSet.metadata, ...more }, status: { conditions } }
  }

  it.each([
    ['pods "x" is forbidden: exceeded quota: small', 'quota after-grace'],
    ['pods "x" is forbidden: failed quota: cpu: must specify requests.cpu', 'limit-range now FATAL'],
    ['minimum memory usage per Container is 64Mi', 'limit-range now FATAL'],
    ['violates PodSecurity "restricted:latest"', 'pod-security now FATAL'],
    ['unable to validate against any security context constraint', 'pod-security now FATAL'],
    ['admission webhook "policy.example.com" denied the request: no', 'admission now FATAL'],
    ['Internal error occurred: failed calling webhook "policy.example.com"', 'admission never'],
    ['error looking up service account d/ghost', 'service-account after-grace'],
    ['etcdserver: request timed out', 'create-pod never'],
    ['something new', 'create-pod after-grace'],
    ['', 'create-pod after-grace'],
  ])('%s', (message, expected) => {
    expect(brief(look({ replicaSet: refused(message) }))).toEqual([expected])
  })

  it("is read from the Deployment's copy where the ReplicaSet is not known", () => {
    const { deployment } = fixture('pod-security')
    const symptom = only(look({ deployment }))
    expect(symptom).toMatchObject({ code: 'pod-security', object: { kind: 'Deployment', name: 'priv' } })
  })

  it("is not taken from the Deployment's copy where the ReplicaSet knows better", () => {
    const { deployment } = fixture('pod-security')
    const { replicaSet } = fixture('serving')
    expect(look({ deployment, replicaSet }).symptoms).toEqual([])
  })

  it('waits for pods that end before it calls a full quota bad, and then as long as that took', () => {
    const firstSeen = new Map<string, number>()
    const replicaSet = refused('exceeded quota: small')
    const at = (seconds: number, draining: boolean): Diagnosis =>
      look({ replicaSet, firstSeen, draining, now: NOW + seconds * 1_000 })
    expect(brief(at(0, true))).toEqual(['quota never'])
    expect(brief(at(40, true))).toEqual(['quota never'])
    expect(at(60, false)).toMatchObject({ nextCheckAt: NOW + 120_000 })
    expect(at(119, false).fatal).toBeUndefined()
    expect(at(120, false).fatal?.code).toBe('quota')
    look({ replicaSet: { ...replicaSet, status: {} }, firstSeen })
    expect([...firstSeen.keys()]).toEqual([])
  })

  it('knows from the Deployment that pods are ending', () => {
    const { deployment, replicaSet } = fixture('quota')
    if (deployment === undefined) throw new Error('no Deployment')
    const busy: Deployment = { ...deployment, status: { ...deployment.status, terminatingReplicas: 1 } }
    expect(look({ deployment: busy, replicaSet }).symptoms[0]).toMatchObject({ code: 'quota', fatal: 'never' })
  })
})

describe('a Deployment', () => {
  function deployment(change: Partial<Deployment['status'] & object>, generation = 2): Deployment {
    const { deployment: real } = fixture('serving')
    if (real === undefined) throw new Error('no Deployment')
    return { ...real, metadata: { ...real.metadata, generation }, status: { observedGeneration: 2, ...change } }
  }
  const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }]

  it('without progress, for no reason that shows', () => {
    const diagnosis = look({ deployment: deployment({ conditions: late }) })
    expect(brief(diagnosis)).toEqual(['no-progress now FATAL'])
    expect(only(diagnosis)).toMatchObject({
      sentence: 'Deployment/good made no progress for 20 s',
      hint: 'look at its pods and their events',
    })
  })

  it('without progress takes the log of its cause along', () => {
    const pods = [podWith({ restartCount: 1, state: { running: {} }, lastState: ended(1) })]
    const { fatal } = look({ deployment: deployment({ conditions: late }), pods })
    expect(fatal).toMatchObject({ code: 'no-progress', wantsLogs: { pod: 'web-1', container: 'app' } })
  })

  it('whose verdict is about an older change is not believed', () => {
    const stale = deployment({ conditions: late }, 3)
    expect(look({ deployment: stale })).toMatchObject({ symptoms: [], nextCheckAt: NOW + GRACE.starting })
    expect(only(look({ deployment: stale, grace: { starting: 0 } }))).toMatchObject({
      code: 'controller',
      fatal: 'never',
    })
  })
})

describe('several symptoms', () => {
  it('stand deepest first, then fatal first, then oldest first', () => {
    const firstSeen = new Map<string, number>()
    const early = podWith({ state: ended(1) }, {}, 'b')
    look({ pods: [early], firstSeen, now: NOW - 5_000 })
    const { replicaSet, deployment } = fixture('quota')
    const pods = [
      podWith({ state: ended(1) }, {}, 'a'),
      early,
      podWith({ state: waiting('InvalidImageName') }, {}, 'z'),
    ]
    const { symptoms, fatal } = look({ pods, firstSeen, replicaSet, deployment })
    expect(symptoms.map(({ code, object }) => `${code} ${object.name}`)).toEqual([
      'image-pull z',
      'crash-loop b',
      'crash-loop a',
      'quota full-c45f4b5b7',
    ])
    expect(symptoms[1]?.since).toBe(NOW - 5_000)
    expect(fatal?.object.name).toBe('z')
  })
})

describe('a failed Job', () => {
  it.each([
    ['DeadlineExceeded', 'raise activeDeadlineSeconds, or let the Job do less'],
    [undefined, 'look at its last log lines, mend it and deploy again'],
  ])('%s', (reason, hint) => {
    const { job } = fixture('job-failed')
    if (job === undefined) throw new Error('no Job')
    const failed = { type: 'Failed', status: 'True', ...(reason === undefined ? {} : { reason }) }
    const symptom = only(look({ job: { ...job, status: { conditions: [failed] } } }))
    expect(symptom).toMatchObject({ code: 'job-failed', hint })
    expect(symptom.wantsLogs).toBeUndefined()
  })
})
