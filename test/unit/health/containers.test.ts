import { describe, expect, it } from 'vitest'
import { GRACE } from '../../../src/health/grace.ts'
import type { Symptom } from '../../../src/health/symptom.ts'
import type { Container, ContainerStatus, KubeEvent, Pod } from '../../../src/shared/objects.ts'
import { brief, ended, event, fixture, look, NOW, only, pod, podWith, waiting } from './fixture.ts'

describe('image', () => {
  const rows: [string, string | undefined, Symptom['fatal'], RegExp][] = [
    ['ErrImagePull', 'rpc error: code = NotFound desc = "app:2": not found', 'after-grace', /no such image/],
    ['ImagePullBackOff', 'Back-off pulling image "app:2": ErrImagePull: manifest unknown', 'now', /no such image/],
    ['ImagePullBackOff', 'ErrImagePull: pull access denied, repository does not exist', 'now', /denies it/],
    ['ImagePullBackOff', 'ErrImagePull: no match for platform in manifest: not found', 'now', /architecture/],
    ['ErrImagePull', 'unexpected status: 401 Unauthorized', 'after-grace', /denies it/],
    ['ErrImagePull', '429 Too Many Requests - toomanyrequests', 'never', /limits how often/],
    ['ImagePullBackOff', 'dial tcp: lookup images.internal: no such host', 'never', /cannot be reached/],
    ['ImagePullBackOff', 'unexpected status from HEAD request: 503 Service Unavailable', 'never', /cannot be reached/],
    ['ErrImagePull', 'tls: failed to verify certificate: x509: unknown authority', 'after-grace', /does not trust/],
    ['ImagePullBackOff', 'Back-off pulling image "not-found/app:2"', 'after-grace', /could not pull/],
    ['ImagePullBackOff', 'Back-off pulling app:2-not-found', 'after-grace', /could not pull/],
    ['ImageInspectError', 'strange', 'after-grace', /node cannot read it/],
    ['RegistryUnavailable', undefined, 'never', /cannot be reached/],
    ['ErrImagePull', 'SignatureValidationFailed: no signature found', 'after-grace', /signature/],
    ['SignatureValidationFailed', 'x', 'now', /signature/],
    ['InvalidImageName', 'couldn\'t parse image reference "App:2"', 'now', /no image reference/],
    ['ErrImageNeverPull', 'Container image "app:2" is not present', 'now', /imagePullPolicy Never/],
  ]
  it.each(rows)('%s %s', (reason, message, fatal, says) => {
    const symptom = only(look({ pods: [podWith({ state: waiting(reason, message) })] }))
    expect(symptom).toMatchObject({ code: 'image-pull', fatal, container: 'app' })
    expect(symptom.sentence).toMatch(says)
    expect(symptom.sentence).toMatch(/^Container app of Pod\/web-1 cannot get image app:2: /)
  })

  it('is bad after a few seconds even when the back-off is never seen', () => {
    const firstSeen = new Map<string, number>()
    const pods = [podWith({ state: waiting('ErrImagePull', 'not found') })]
    expect(look({ pods, firstSeen })).toMatchObject({ nextCheckAt: NOW + GRACE.imagePull })
    expect(look({ pods, firstSeen, now: NOW + GRACE.imagePull - 1 }).fatal).toBeUndefined()
    expect(look({ pods, firstSeen, now: NOW + GRACE.imagePull }).fatal?.code).toBe('image-pull')
  })

  it('keeps the cause that an older kubelet does not repeat in its back-off', () => {
    const firstSeen = new Map<string, number>()
    look({ pods: [podWith({ state: waiting('ErrImagePull', 'i/o timeout') })], firstSeen })
    look({ pods: [podWith({ state: waiting('ErrImagePull', 'manifest unknown') })], firstSeen })
    const bare = podWith({ state: waiting('ImagePullBackOff', 'Back-off pulling image "app:2"') })
    expect(only(look({ pods: [bare], firstSeen }))).toMatchObject({ fatal: 'now' })
  })

  it('takes the cause from the event when the status has none', () => {
    const bare = podWith({ state: waiting('ImagePullBackOff') })
    const events = [event('Failed', 'Failed to pull image "app:2": unauthorized')]
    expect(only(look({ pods: [bare], events })).sentence).toMatch(/denies it/)
  })

  it('names the image of the manifest where the status has none', () => {
    const bare = podWith({ image: '', state: waiting('InvalidImageName') }, { image: 'App:2' })
    expect(only(look({ pods: [bare] })).sentence).toContain('cannot get image App:2')
  })
})

describe('a container that ends', () => {
  const loop = waiting('CrashLoopBackOff', 'back-off 10s')
  const rows: [string, Partial<ContainerStatus>, Partial<Container>, string, RegExp | undefined][] = [
    [
      'in back-off after a short run',
      { restartCount: 1, state: loop, lastState: ended(1) },
      {},
      'crash-loop now FATAL',
      /exit code 1/,
    ],
    [
      'in back-off after a long run',
      { restartCount: 1, state: loop, lastState: ended(1, 'Error', 90) },
      {},
      'crash-loop after-grace',
      /after 1m 30s/,
    ],
    ['in back-off for reasons unknown', { state: loop }, {}, 'crash-loop now FATAL', /ends again and again$/],
    [
      'restarted twice, not ready',
      { restartCount: 2, state: { running: {} }, lastState: ended(2, 'Error', 90) },
      {},
      'crash-loop now FATAL',
      /restarted 2 times/,
    ],
    ['ended for the first time', { state: ended(1) }, {}, 'crash-loop never', /exit code 1/],
    [
      'restarted once, not ready',
      { restartCount: 1, state: { running: {} }, lastState: ended(1) },
      {},
      'crash-loop never',
      /once/,
    ],
    [
      'a server that ends well',
      { restartCount: 1, state: loop, lastState: ended(0, 'Completed') },
      {},
      'crash-loop now FATAL',
      /a server must go on/,
    ],
    [
      'not found',
      { restartCount: 1, state: loop, lastState: ended(127) },
      {},
      'crash-loop now FATAL',
      /command was not found/,
    ],
    [
      'segmentation fault',
      { restartCount: 1, state: loop, lastState: ended(139) },
      {},
      'crash-loop now FATAL',
      /segmentation fault/,
    ],
    ['other signal', { restartCount: 1, state: loop, lastState: ended(136) }, {}, 'crash-loop now FATAL', /signal 8/],
    [
      'out of memory',
      { restartCount: 1, state: loop, lastState: ended(137, 'OOMKilled') },
      { resources: { limits: { memory: '64Mi' } } },
      'oom now FATAL',
      /more memory than its limit of 64Mi/,
    ],
    [
      'out of memory once',
      { restartCount: 1, state: { running: {} }, lastState: ended(137, 'OOMKilled') },
      {},
      'oom never',
      /than its limit after/,
    ],
    [
      'a command that is not there',
      {
        restartCount: 1,
        state: loop,
        lastState: ended(128, 'StartError', 0, 'exec: "srv": executable file not found in $PATH'),
      },
      {},
      'crash-loop now FATAL',
      /executable file not found/,
    ],
    [
      'not started by the node',
      { restartCount: 1, state: loop, lastState: ended(128, 'StartError', 0, 'runc: cgroup') },
      {},
      'crash-loop after-grace',
      /could not be started/,
    ],
    [
      'not started again and again',
      { restartCount: 3, state: loop, lastState: ended(128, 'ContainerCannotRun', 0) },
      {},
      'crash-loop now FATAL',
      /could not be started/,
    ],
    [
      'lost with its node',
      { restartCount: 1, state: { running: {} }, lastState: ended(255, 'Unknown', 90) },
      {},
      'crash-loop never',
      /exit code 255/,
    ],
  ]
  it.each(rows)('%s', (_, status, container, expected, says) => {
    const diagnosis = look({ pods: [podWith(status, container)] })
    expect(brief(diagnosis)).toEqual([expected])
    if (says !== undefined) expect(only(diagnosis).sentence).toMatch(says)
  })

  it('is well when it is ready again, as far as this run has seen', () => {
    const back = podWith({ ready: true, restartCount: 3, state: { running: {} }, lastState: ended(1) })
    expect(look({ pods: [back] }).symptoms).toEqual([])
  })

  it('is bad for good when it had been ready, even if it is ready again', () => {
    const firstSeen = new Map<string, number>()
    const probe = { readinessProbe: { httpGet: { port: 8080 } } }
    const first = podWith({ ready: true, state: { running: {} } }, probe)
    expect(look({ pods: [first], firstSeen }).symptoms).toEqual([])
    const again = podWith({ ready: true, restartCount: 1, state: { running: {} }, lastState: ended(1) }, probe)
    expect(only(look({ pods: [again], firstSeen }))).toMatchObject({ fatal: 'now' })
    expect(only(look({ pods: [again], firstSeen })).sentence).toMatch(/although it had been ready/)
  })

  it.each([
    [3, 'never'],
    [15, 'now'],
  ])('has not served in a run of %i s without a probe: %s', (seconds, fatal) => {
    const firstSeen = new Map<string, number>()
    look({ pods: [podWith({ ready: true, state: { running: {} } })], firstSeen })
    const over = podWith({ state: ended(1, 'Error', seconds) })
    expect(only(look({ pods: [over], firstSeen })).fatal).toBe(fatal)
  })

  it('is forgotten with its pod, and other workloads that share the memory are not', () => {
    const firstSeen = new Map<string, number>()
    const serving = podWith({ ready: true, state: { running: {} } })
    look({ pods: [serving], firstSeen })
    look({ pods: [podWith({ state: ended(1) }, {}, 'other-1')], firstSeen })
    expect([...firstSeen.keys()]).toEqual(['served/uid-web-1/app/0', 'crash-loop/uid-other-1/app'])
    serving.metadata.deletionTimestamp = '2026-11-22T16:59:59Z'
    look({ pods: [serving], firstSeen })
    expect([...firstSeen.keys()]).toEqual(['crash-loop/uid-other-1/app'])
  })

  it('asks for the log of the run that is over', () => {
    expect(only(look({ pods: [podWith({ state: ended(1) })] })).wantsLogs?.previous).toBe(false)
    expect(only(look({ pods: [podWith({ state: loop, lastState: ended(1) })] })).wantsLogs?.previous).toBe(true)
  })

  it('tells the message that it left', () => {
    const left = podWith({ restartCount: 1, state: loop, lastState: ended(1, 'Error', 1, 'no\n  database') })
    expect(only(look({ pods: [left] })).detail).toBe('no database')
  })

  const otherContainer = { kind: 'Pod', name: 'web-1', fieldPath: 'spec.containers{log}' }
  const killed = { restartCount: 2, state: loop, lastState: ended(137, 'Error', 30) }
  it.each<[string, KubeEvent[], Partial<Container>, string]>([
    ['liveness', [event('Killing', 'Container app failed liveness probe, will be restarted')], {}, 'liveness'],
    ['startup', [event('Killing', 'Container app failed startup probe, will be restarted')], {}, 'startup'],
    ['liveness answers', [event('Unhealthy', 'Liveness probe failed: HTTP 500')], { livenessProbe: {} }, 'liveness'],
    ['startup answers', [event('Unhealthy', 'Startup probe failed: HTTP 500')], { startupProbe: {} }, 'startup'],
    [
      'another container',
      [
        event('Killing', 'Container log failed liveness probe', {
          involvedObject: otherContainer,
        }),
      ],
      {},
      'crash-loop',
    ],
    [
      'another pod',
      [event('Killing', 'failed liveness probe', { involvedObject: { kind: 'Pod', name: 'web-2' } })],
      {},
      'crash-loop',
    ],
    ['no event', [], {}, 'crash-loop'],
  ])('by its probe: %s', (_, events, container, code) => {
    expect(only(look({ pods: [podWith(killed, container)], events }))).toMatchObject({ code, fatal: 'now' })
  })

  it('in a Job is the business of the Job', () => {
    const { job } = fixture('job-failed')
    const running = job === undefined ? undefined : { ...job, status: {} }
    const input = { pods: [podWith({ restartCount: 4, state: loop, lastState: ended(1) })], job: running }
    expect(brief(look(input))).toEqual(['crash-loop never'])
    expect(brief(look({ ...input, pods: [podWith({ state: ended(0, 'Completed') })] }))).toEqual([])
  })
})

describe('init containers and sidecars', () => {
  function initPod(status: Partial<ContainerStatus>, container: Partial<Container> = {}): Pod {
    return pod({
      spec: { initContainers: [{ name: 'setup', ...container }] },
      status: {
        initContainerStatuses: [{ name: 'setup', ready: false, restartCount: 0, ...status }],
        containerStatuses: [{ name: 'app', ready: false, restartCount: 0, state: waiting('PodInitializing') }],
      },
    })
  }

  it('ended well: only the main one is looked at', () => {
    expect(look({ pods: [initPod({ state: ended(0, 'Completed') })] }).symptoms).toEqual([])
  })

  it('ends again and again', () => {
    const diagnosis = look({
      pods: [initPod({ restartCount: 1, state: waiting('CrashLoopBackOff'), lastState: ended(3) })],
    })
    expect(brief(diagnosis)).toEqual(['init now FATAL'])
    expect(only(diagnosis).sentence).toBe(
      'Init container setup of Pod/web-1 ended with exit code 3 (an error of the application) after 1.0s, restarted once',
    )
  })

  it('ends well and is started again all the same', () => {
    const looping = initPod({ restartCount: 1, state: waiting('CrashLoopBackOff'), lastState: ended(0, 'Completed') })
    expect(only(look({ pods: [looping] })).sentence).toMatch(/it ends well, but is started again/)
  })

  it('runs for long', () => {
    const firstSeen = new Map<string, number>()
    const pods = [initPod({ state: { running: {} } })]
    expect(look({ pods, firstSeen })).toMatchObject({ symptoms: [], nextCheckAt: NOW + GRACE.starting })
    const later = look({ pods, firstSeen, now: NOW + GRACE.starting })
    expect(brief(later)).toEqual(['init never'])
  })

  it('a sidecar counts as a main container', () => {
    const sidecar = initPod(
      { restartCount: 1, state: waiting('CrashLoopBackOff'), lastState: ended(0) },
      { restartPolicy: 'Always' },
    )
    expect(brief(look({ pods: [sidecar] }))).toEqual(['crash-loop now FATAL'])
  })
})
