import { describe, expect, it } from 'vitest'
import type { Failure } from '../../src/shared/errors.ts'
import type { KubeObject } from '../../src/shared/objects.ts'
import type { Expectations } from '../invariants/rules.ts'
import type { PodBehaviour } from '../emulator/pods/behaviour.ts'
import { checkOf } from '../../src/input/checks.ts'
import {
  BESIDE,
  blueGreenOf,
  bringing,
  canaryOf,
  expectUnharmed,
  IN_PLACE,
  manifestOf,
  running,
  V1,
  V2,
} from './given.ts'
import { APP, manifestsOf, NAMESPACE, type RunOptions } from './world.ts'

const BAD = `gihyodocker/echo-version:${V2}`

/** The whole failure as one text, as a person would read it. */
function told(failure: Failure | undefined): string {
  const evidence = (failure?.evidence ?? []).flatMap(({ title, lines }) => [title, ...lines])
  return [failure?.message, failure?.done, failure?.next, ...evidence].join('\n')
}

interface Bad {
  behaviour: PodBehaviour
  code: string
  /** what the failure must say: cause, then evidence */
  says: RegExp[]
  exitCode?: number
  withinMs?: number
}

const RELEASES: Record<string, Bad> = {
  'an image that is not there': {
    behaviour: { imagePull: 'not-found' },
    code: 'image-pull',
    says: [/gihyodocker\/echo-version:0\.2\.0/, /not found|does not exist/i],
  },
  'an image that may not be pulled': {
    behaviour: { imagePull: 'denied' },
    code: 'image-pull',
    says: [/denied|unauthorized|authorization/i],
  },
  'a process that crashes': {
    behaviour: {
      neverReady: true,
      crashAfterMs: 300,
      exitCode: 3,
      lastWords: ['reading config', 'panic: no database'],
    },
    code: 'crash-loop',
    says: [/exit code 3|code 3/, /panic: no database/],
  },
  'a process that takes too much memory': {
    behaviour: { neverReady: true, crashAfterMs: 300, exitCode: 137, oomKilled: true },
    code: 'oom',
    says: [/memory/i],
  },
  'a missing ConfigMap': {
    behaviour: { createContainerConfigError: 'configmap "settings" not found' },
    code: 'missing-config',
    says: [/configmap "settings" not found/i],
  },
  'pods that no node takes': {
    behaviour: { unschedulable: '0/1 nodes are available: 1 Insufficient cpu.' },
    code: 'unschedulable',
    says: [/Insufficient cpu/],
    withinMs: 130_000,
  },
  'pods that are never ready': {
    behaviour: { neverReady: 'database is locked' },
    code: 'timeout',
    says: [/timed out after 60s/, /503|database is locked/],
    exitCode: 70,
    withinMs: 130_000,
  },
}

const STRATEGIES: [string, RunOptions, Expectations][] = [
  ['canary', canaryOf(V2), IN_PLACE],
  ['blue-green', blueGreenOf(V2), BESIDE],
  ['blue-green in two colors', blueGreenOf(V2, { pods: 'separate' }), BESIDE],
  ['rolling', bringing(V2), { ...IN_PLACE, workloads: [{ ...workload(), minServing: 3, maxPods: 4 }] }],
]

function workload(): { namespace: string; names: string[] } {
  return { namespace: NAMESPACE, names: [APP] }
}

/** Every release by canary, and two of them by every other strategy. */
const CASES = STRATEGIES.flatMap(([strategy, options, judged], index) =>
  Object.entries(RELEASES)
    .filter(([name]) => index === 0 || name.includes('crashes') || name.includes('never ready'))
    .map(([name, bad]) => ({ title: `${name}, by ${strategy}`, options, judged, bad })),
)

describe('a bad release is called bad by its cause, and undone', () => {
  it.each(CASES)('$title', async ({ options, judged, bad }) => {
    const { behaviour, code, says, exitCode = 1, withinMs = 30_000 } = bad
    const world = await running({ judged })
    world.emulator.setBehaviour(BAD, behaviour)
    const began = world.clock.now()
    const { result, events } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', phase: 'aborted', exitCode, failure: { code } })
    const known = events.findIndex((event) => event.kind === 'failure')
    expect(known).toBeGreaterThan(0)
    expect(world.clock.now() - began).toBeLessThan(withinMs)
    const text = told(result?.failure)
    for (const each of says) expect(text).toMatch(each)
    expect(result?.failure?.object ?? result?.failure?.message).toBeDefined()
    expect(result?.failure?.done).toMatch(/users are on the version before/)
    expect(result?.failure?.next ?? '').not.toBe('')
    expect(result?.message).toMatch(
      /rollout 1 of echo-version aborted: .*; rolled back: users are on the version before/s,
    )
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('names the pod of a crash as its object', async () => {
    const world = await running()
    world.emulator.setBehaviour(BAD, RELEASES['a process that crashes']?.behaviour ?? {})
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result?.failure?.object?.kind).toBe('Pod')
    expect(result?.failure?.message).toContain(result?.failure?.object?.name)
    expect(result?.failure?.evidence?.map(({ title }) => title).join()).toMatch(/last lines of container app/)
  })
})

describe('on-failure: stop', () => {
  it.each([
    ['canary', canaryOf(V2), IN_PLACE],
    ['blue-green', blueGreenOf(V2), BESIDE],
  ] as const)(
    'leaves a %s where it is, locked; mended, it goes on; abort goes back',
    async (_name, options, judged) => {
      const world = await running({ judged })
      world.emulator.setBehaviour(BAD, { neverReady: true, crashAfterMs: 300, exitCode: 1 })
      const { result } = await world.run('deploy', { ...options, onFailure: 'stop' })
      expect(result).toMatchObject({
        outcome: 'stopped',
        phase: 'stopped',
        exitCode: 1,
        failure: { code: 'crash-loop' },
      })
      expect(result?.failure?.done).toMatch(/rests where it is, locked; users are served/)
      expect(world.deployment().spec.paused).toBe(true)
      await world.clock.advance(300_000)
      expect(world.serving()[V1]).toBe(3)
      world.emulator.setBehaviour(BAD, {})
      await world.clock.advance(400_000)
      const retried = await world.run('deploy', { ...options, onFailure: 'stop' })
      expect(retried.result, retried.result?.message).toMatchObject({ outcome: 'paused' })
      await world.run('abort')
      expect(world.serving()).toEqual({ [V1]: 3 })
      expectUnharmed(world)
    },
  )

  it('says that nothing serves where nothing does', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    world.clock.timer(60_000, () => world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { neverReady: true }))
    world.clock.timer(80_000, () => {
      world.emulator.setBehaviour(BAD, { neverReady: true, crashAfterMs: 100, exitCode: 9 })
      for (const pod of world.emulator.list('pods', NAMESPACE))
        if (JSON.stringify(pod['spec']).includes(BAD)) world.emulator.crash(NAMESPACE, pod.metadata.name ?? '', 9)
    })
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 1h', onFailure: 'stop' }))
    expect(result).toMatchObject({ outcome: 'stopped', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(result?.failure?.done).toBe(
      'it rests where it is, locked; no pod of Deployment/echo-version is ready, so nothing of it serves until it is deployed again or aborted',
    )
    expect(result?.message).not.toMatch(/users are served/)
  })

  it('exits 70 after a timeout', async () => {
    const world = await running()
    world.emulator.setBehaviour(BAD, { neverReady: true })
    const { result } = await world.run('deploy', canaryOf(V2, { onFailure: 'stop' }))
    expect(result).toMatchObject({ outcome: 'stopped', exitCode: 70, failure: { kind: 'timeout' } })
    expectUnharmed(world)
  })
})

describe('a release that turns bad', () => {
  it('in a wait: it ends the wait at once', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    world.clock.timer(90_000, () => {
      world.emulator.setBehaviour(BAD, { crashAfterMs: 100, exitCode: 9, lastWords: ['late panic'] })
      for (const pod of world.emulator.list('pods', NAMESPACE))
        if (JSON.stringify(pod['spec']).includes(BAD)) world.emulator.crash(NAMESPACE, pod.metadata.name ?? '', 9)
    })
    const began = world.clock.now()
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 1h' }))
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(world.clock.now() - began).toBeLessThan(180_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
  })

  it('while a person decides: promote finds it, and brings users back', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    await world.run('deploy', canaryOf(V2))
    world.emulator.setBehaviour(BAD, { crashAfterMs: 100, exitCode: 9, lastWords: ['late panic'] })
    for (const pod of world.emulator.list('pods', NAMESPACE))
      if (JSON.stringify(pod['spec']).includes(BAD)) world.emulator.crash(NAMESPACE, pod.metadata.name ?? '', 9)
    await world.clock.advance(120_000)
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(world.serving()).toEqual({ [V1]: 3 })
  })
})

describe('quota', () => {
  function quota(pods: number): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'small', namespace: NAMESPACE },
      spec: { hard: { pods: String(pods) } },
    }
  }

  it('that leaves no room is a finding, before anything is touched', async () => {
    const world = await running()
    world.emulator.create(quota(3))
    await world.clock.advance(5_000)
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(result?.findings.map(({ id }) => id)).toContain('quota')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('that fills up meanwhile is named, and the rollout undone', async () => {
    const world = await running()
    const options = canaryOf(V2, { plan: '50%, approve', accept: ['quota'] })
    world.emulator.create(quota(3))
    await world.clock.advance(5_000)
    const { result } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({ outcome: 'aborted' })
    expect(told(result?.failure)).toMatch(/exceeded quota|quota/i)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('a job that fails in recreate', () => {
  const job = (tag: string): KubeObject => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'migrate' },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: `migrate:${tag}` }] } },
    },
  })
  const options = (more: RunOptions = {}): RunOptions => ({
    strategy: 'recreate',
    plan: 'job migrate',
    objects: manifestsOf({ version: V2, more: [job('1-job-fail')] }),
    ...more,
  })
  const unjudged = { judged: { workloads: [], services: [] } }

  it('stops there, down: the old version might not live with what the job has done', async () => {
    const world = await running(unjudged)
    const { result } = await world.run('deploy', options())
    expect(result).toMatchObject({ outcome: 'stopped', exitCode: 1, failure: { code: 'job-failed' } })
    expect(told(result?.failure)).toMatch(/Job\/migrate-1/)
    expect(told(result?.failure)).toMatch(/job failed/)
    expect(result?.failure?.done).toMatch(/DOWN/)
    await world.clock.advance(60_000)
    expect(world.serving()).toEqual({})
    await world.run('abort')
    expect(world.record?.phase).toBe('aborted')
    expect(world.serving()).toEqual({ [V1]: 3 })
  })

  it('brings the old version back with on-failed-job: old', async () => {
    const world = await running(unjudged)
    const { result } = await world.run('deploy', options({ onFailedJob: 'old' }))
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'job-failed' } })
    expect(world.serving()).toEqual({ [V1]: 3 })
  })

  it('a mended release supersedes it: the old version first, then down again for the new one', async () => {
    const world = await running(unjudged)
    await world.run('deploy', options())
    const mended = manifestsOf({ version: V2, more: [job('2-job-ok')] })
    const { result } = await world.run('deploy', options({ objects: mended }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ [V2]: 3 })
    expect(world.emulator.list('jobs', NAMESPACE).map(({ metadata }) => metadata.name)).toEqual(['migrate-2'])
  })
})

describe('checks', () => {
  const checks = { home: checkOf('home', { http: {}, times: 2 }) }

  it.each([
    ['canary', canaryOf(V2, { plan: '50%, check home', checks }), IN_PLACE],
    ['blue-green', blueGreenOf(V2, { plan: 'check home, switch', checks }), BESIDE],
  ] as const)('%s: a wrong answer fails the release, and is shown', async (_name, options, judged) => {
    const world = await running({ judged })
    world.emulator.setBehaviour(BAD, { http: () => ({ status: 500, body: 'no database' }) })
    const { result } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({
      outcome: 'aborted',
      exitCode: 1,
      failure: { code: 'check-failed' },
    })
    expect(result?.failure?.message).toMatch(/check home failed: .* answered 500, expected 200: no database/)
    expect(told(result?.failure)).toMatch(/500 no database/)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('right answers let it go on', async () => {
    const world = await running()
    const { result, events } = await world.run('deploy', canaryOf(V2, { plan: '50%, check home', checks }))
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(JSON.stringify(events)).toMatch(/check home: pass/)
    expectUnharmed(world)
  })

  it('a wrong body is a wrong answer', async () => {
    const world = await running()
    const strict = { home: checkOf('home', { http: { expect: { body: 'version 9' } } }) }
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, check home', checks: strict }))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
  })

  it('one with nobody to ask is inconclusive: a person decides', async () => {
    const world = await running({ judged: { workloads: IN_PLACE.workloads, services: [] } })
    world.emulator.delete('services', NAMESPACE, APP)
    const objects = [manifestOf(V2, 'Deployment')]
    const service = { home: checkOf('home', { http: { target: 'service' } }) }
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, check home', checks: service, objects }))
    expect(result).toMatchObject({ outcome: 'paused', exitCode: 3 })
    expect(world.record?.reason).toMatch(/check home could not tell/)
    const promoted = await world.run('promote')
    expect(promoted.result, promoted.result?.message).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })
})

it('going back that meets no room lets one old pod be missing, never more', async () => {
  const spec = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }
  const judged = { workloads: [], services: [{ namespace: NAMESPACE, name: APP, minReady: 2 }] }
  const world = await running({ app: { spec }, judged })
  const objects = manifestsOf({ version: V2, spec })
  await world.run('deploy', canaryOf(V2, { objects, timeoutMs: 600_000 }))
  expect(world.serving()).toEqual({ [V1]: 1, [V2]: 2 })
  world.emulator.create({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'small', namespace: NAMESPACE },
    spec: { hard: { pods: '3' } },
  })
  const { result } = await world.run('abort')
  expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
  expect(world.serving()).toEqual({ [V1]: 3 })
  expect(world.deployment().spec.strategy?.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
  expectUnharmed(world)
})
