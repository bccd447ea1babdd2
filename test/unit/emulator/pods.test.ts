import { describe, expect, test } from 'vitest'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import type { PodBehaviour } from '../../emulator/pods/behaviour.ts'
import { mapsAt, numberAt, textAt } from '../../emulator/values.ts'
import { deployment, setup, type Setup } from './objects.ts'

function reasons({ emulator }: Setup): Set<string> {
  return new Set(
    emulator
      .list('events', 'default')
      .map((event) => `${textAt(event, 'type') ?? ''} ${textAt(event, 'reason') ?? ''}`),
  )
}

function onlyPod({ emulator }: Setup): KubeObject {
  const [pod] = emulator.list('pods', 'default')
  if (pod === undefined) throw new Error('no pod')
  return pod
}

function container(pod: KubeObject): JsonMap {
  return mapsAt(pod, 'status', 'containerStatuses')[0] ?? {}
}

function condition(pod: KubeObject, type: string): string {
  const found = mapsAt(pod, 'status', 'conditions').find((item) => item['type'] === type)
  return `${textAt(found, 'status') ?? '-'} ${textAt(found, 'reason') ?? ''}`.trim()
}

describe('what pods do', () => {
  test.each<
    [string, PodBehaviour, number, { waiting?: string; phase: string; ready: string; restarts: number; event: string }]
  >([
    [
      'an image that is not there',
      { imagePull: 'not-found' },
      2_000,
      {
        waiting: 'ImagePullBackOff',
        phase: 'Pending',
        ready: 'False ContainersNotReady',
        restarts: 0,
        event: 'Warning Failed',
      },
    ],
    [
      'an image name that is none',
      { imagePull: 'invalid-name' },
      2_000,
      {
        waiting: 'InvalidImageName',
        phase: 'Pending',
        ready: 'False ContainersNotReady',
        restarts: 0,
        event: 'Warning InspectFailed',
      },
    ],
    [
      'a crash',
      { crashAfterMs: 300 },
      3_000,
      {
        waiting: 'CrashLoopBackOff',
        phase: 'Running',
        ready: 'False ContainersNotReady',
        restarts: 1,
        event: 'Warning BackOff',
      },
    ],
    [
      'a crash for the third time',
      { crashAfterMs: 300 },
      13_000,
      {
        waiting: 'CrashLoopBackOff',
        phase: 'Running',
        ready: 'False ContainersNotReady',
        restarts: 2,
        event: 'Warning BackOff',
      },
    ],
    [
      'a probe that never succeeds',
      { neverReady: 'connection refused' },
      5_000,
      { phase: 'Running', ready: 'False ContainersNotReady', restarts: 0, event: 'Warning Unhealthy' },
    ],
    [
      'a missing secret',
      { createContainerConfigError: 'secret "db" not found' },
      2_000,
      {
        waiting: 'CreateContainerConfigError',
        phase: 'Pending',
        ready: 'False ContainersNotReady',
        restarts: 0,
        event: 'Warning Failed',
      },
    ],
    ['nothing bad', {}, 2_000, { phase: 'Running', ready: 'True', restarts: 0, event: 'Normal Started' }],
  ])('%s', async (_, behaviour, ms, wanted) => {
    const world = setup({ behaviour: () => behaviour })
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(ms)
    const pod = onlyPod(world)
    expect({
      waiting: textAt(container(pod), 'state', 'waiting', 'reason'),
      phase: textAt(pod, 'status', 'phase'),
      ready: condition(pod, 'Ready'),
      restarts: numberAt(container(pod), 'restartCount'),
    }).toEqual({ waiting: undefined, ...wanted, event: undefined })
    expect(reasons(world)).toContain(wanted.event)
    expect(world.emulator.defects).toEqual([])
  })

  test('no room', async () => {
    const world = setup({ behaviour: () => ({ unschedulable: '0/1 nodes are available: 1 Insufficient cpu.' }) })
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(1_000)
    expect(condition(onlyPod(world), 'PodScheduled')).toBe('False Unschedulable')
    expect(reasons(world)).toContain('Warning FailedScheduling')
  })

  test('logs of this run and the one before', async () => {
    const world = setup({ behaviour: () => ({ crashAfterMs: 300, logs: ['starting'], lastWords: ['panic: boom'] }) })
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(3_000)
    const path = `/api/v1/namespaces/default/pods/${onlyPod(world).metadata.name ?? ''}/log`
    expect((await world.clock.run(world.ask('GET', path))).text).toBe('starting\npanic: boom\n')
    expect((await world.clock.run(world.ask('GET', `${path}?previous=true&tailLines=1`))).text).toBe('panic: boom\n')
  })

  test('the grace period is kept to', async () => {
    for (const [behaviour, ms] of [
      [{ shutdownMs: 2_000 }, 5_000],
      [{ ignoreSigterm: true }, 30_000],
    ] as const) {
      const world = setup({ behaviour: () => behaviour })
      world.emulator.create(deployment('1.0.0', 1, {}, { lifecycle: { preStop: { sleep: { seconds: 3 } } } }))
      await world.clock.advance(1_000)
      const start = world.clock.now()
      world.emulator.delete('deployment', 'default', 'web')
      let gone = 0
      world.emulator.observe(({ type, resource }) => {
        if (type === 'DELETED' && resource === '/pods') gone = world.clock.now() - start
      })
      await world.clock.advance(60_000)
      expect(gone).toBeGreaterThanOrEqual(ms)
      expect(gone).toBeLessThan(ms + 200)
    }
  })

  test('change when they are told to', async () => {
    const world = setup()
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(1_000)
    const image = 'gihyodocker/echo-version:1.0.0'
    world.emulator.setBehaviour(image, { neverReady: true })
    await world.clock.advance(5_000)
    expect(condition(onlyPod(world), 'Ready')).toBe('False ContainersNotReady')
    world.emulator.setBehaviour(image, {})
    await world.clock.advance(2_000)
    expect(condition(onlyPod(world), 'Ready')).toBe('True')
    world.emulator.crash('default', onlyPod(world).metadata.name ?? '', 137)
    await world.clock.advance(1_000)
    expect(numberAt(container(onlyPod(world)), 'restartCount')).toBe(1)
    expect(textAt(container(onlyPod(world)), 'lastState', 'terminated', 'reason')).toBe('Error')
  })

  test('answer with their version through the proxy of the API server', async () => {
    const world = setup()
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(1_000)
    const name = onlyPod(world).metadata.name ?? ''
    const path = `/api/v1/namespaces/default/pods/${name}:8080/proxy/`
    expect(await world.clock.run(world.ask('GET', path))).toMatchObject({
      status: 200,
      text: `version 1.0.0 pod ${name}\n`,
    })
    const refused = await world.clock.run(world.ask('GET', path.replace('8080', '9090')))
    expect(refused.status).toBe(503)
  })

  test('count what they answer, and begin at 0 when the process starts again', async () => {
    const world = setup()
    world.emulator.create(deployment('1.0.0', 1))
    await world.clock.advance(1_000)
    const name = onlyPod(world).metadata.name ?? ''
    const ask = async (path: string): Promise<string> =>
      (await world.clock.run(world.ask('GET', `/api/v1/namespaces/default/pods/${name}:8080/proxy/${path}`))).text
    expect(JSON.parse(await ask('version'))).toEqual({ version: '1.0.0' })
    await ask('')
    await ask('healthz')
    expect(await ask('metrics')).toContain('http_requests_total{version="1.0.0",code="200"} 2\n')
    expect(await ask('metrics')).toContain('http_request_duration_seconds_count{version="1.0.0"} 2\n')
    world.emulator.crash('default', name, 137)
    await world.clock.advance(1_000)
    expect(await ask('metrics')).not.toContain('http_requests_total{')
    world.emulator.setBehaviour('gihyodocker/echo-version:1.0.0', { metrics: 'html' })
    expect(await ask('metrics')).toContain('<!doctype html>')
  })

  test('the same image has the same imageID, another has another', async () => {
    const world = setup()
    world.emulator.create(deployment('1.0.0', 2))
    await world.clock.advance(1_000)
    const ids = world.emulator.list('pods', 'default').map((pod) => textAt(container(pod), 'imageID'))
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]).toMatch(/^docker\.io\/gihyodocker\/echo-version@sha256:[0-9a-f]{64}$/)
  })
})
