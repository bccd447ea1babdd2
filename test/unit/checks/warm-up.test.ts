import { describe, expect, it } from 'vitest'
import { paceMs, quantile, warmUp } from '../../../src/checks/warm-up.ts'
import { warmUpOf } from '../../../src/input/checks.ts'
import type { WarmUpValues } from '../../../src/input/checks-schema.ts'
import { askerWith, clock, workload } from './asked.ts'

const podOf = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [] } })

interface Scene {
  values?: WarmUpValues
  /** ms of the old version's answers; undefined: none */
  old?: number
  /** ms of the nth answer of the new version; undefined: none */
  fresh: (nth: number) => number | undefined
}

async function warmed({ values = {}, old = 20, fresh }: Scene) {
  let [asked, most, open] = [0, 0, 0]
  const asker = askerWith({
    proxy: async ({ name }) => {
      most = Math.max(most, ++open)
      const ms = name.startsWith('web-aaa') ? old : fresh(++asked)
      await clock.sleep(ms ?? 5_000)
      open--
      if (ms === undefined) throw new Error('no answer in time')
      return { status: ms < 0 ? 503 : 200, headers: {}, body: '' }
    },
  })
  const begun = clock.now()
  const verdict = await clock.run(warmUp(asker, warmUpOf(values)))
  return { ...verdict, asked, most, seconds: Math.round((clock.now() - begun) / 1_000) }
}

describe('a warm-up', () => {
  it('goes on until the new version is nearly as fast as the old one', async () => {
    const found = await warmed({ fresh: (nth) => Math.max(20, 400 - nth * 4) })
    expect(found).toMatchObject({ kind: 'pass' })
    expect(found.text).toMatch(/^\d+ ms against 20 ms of the old version, after \d+ requests in \d+ s$/)
    expect(found.asked).toBeGreaterThan(90)
    expect(found.seconds).toBeLessThan(40)
  })

  it('is over soon where it is warm already, but never before twenty answers', async () => {
    const found = await warmed({ fresh: () => 20 })
    expect(found).toMatchObject({ kind: 'pass' })
    expect(found.asked).toBeGreaterThanOrEqual(20)
    expect(found.seconds).toBeLessThan(20)
  })

  it('that stays slow cannot tell', async () => {
    const found = await warmed({ fresh: () => 100, values: { for: '30s' } })
    expect(found).toMatchObject({ kind: 'inconclusive' })
    expect(found.text).toContain(
      'Pod/web-bbb-1 still takes 100 ms, wanted is at most 2 times the 20 ms of the old version',
    )
    expect(found.seconds).toBeLessThan(36)
  })

  it('counts no failure for an answer, and does not flood a pod that hangs', async () => {
    const failing = await warmed({ fresh: () => -1, values: { for: '30s' } })
    expect(failing).toMatchObject({ kind: 'inconclusive' })
    expect(failing.text).toContain('gave 0 good answers')
    const hanging = await warmed({ fresh: () => undefined, values: { for: '1m', rate: 100 } })
    expect(hanging).toMatchObject({ kind: 'inconclusive' })
    expect(hanging.most).toBeLessThanOrEqual(32)
  })

  it('asks each of very many pods', async () => {
    const pods = Array.from({ length: 60 }, (_, nth) => ({ ...podOf(`web-bbb-${nth}`) }))
    const many = { ...workload(), canary: { version: '2.0', pods, serving: pods } }
    const asker = askerWith({
      workloads: () => [many],
      proxy: async () => {
        await clock.sleep(300)
        return { status: 200, headers: {}, body: '' }
      },
    })
    expect(await clock.run(warmUp(asker, warmUpOf()))).toMatchObject({ kind: 'pass' })
  })

  it('without an old version to compare with cannot tell', async () => {
    const none = { ...workload(), stable: { version: '1.0', pods: [], serving: [] } }
    const asker = askerWith({
      workloads: () => [none],
      proxy: () => Promise.resolve({ status: 200, headers: {}, body: '' }),
    })
    const verdict = await clock.run(warmUp(asker, warmUpOf({ for: '10s' })))
    expect(verdict).toMatchObject({ kind: 'inconclusive' })
    expect(verdict.text).toContain('the old version gave no answer to compare with')
  })

  it('without a new pod asks nobody', async () => {
    const none = { ...workload(), canary: { version: '2.0', pods: [], serving: [] } }
    const verdict = await warmUp(askerWith({ workloads: () => [none] }), warmUpOf())
    expect(verdict).toMatchObject({ kind: 'inconclusive', text: 'no serving pod of the new version to ask' })
  })

  it.each([
    [0, 1_000],
    [5_000, 500],
    [10_000, 250],
    [60_000, 50],
  ])('after %d ms sends one in %d ms', (since, ms) => expect(paceMs(since, 20)).toBe(ms))
})

describe('a quantile', () => {
  it.each([
    [[], 0.9, undefined],
    [[7], 0.9, 7],
    [[3, 1, 2], 0.5, 2],
    [[10, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.9, 9],
  ] as const)('of %j at %d is %s', (values, share, wanted) => expect(quantile(values, share)).toBe(wanted))
})

describe('pods that come and go during a warm-up', () => {
  it('are warmed as well, or no longer waited for', async () => {
    const { canary } = workload()
    const asked = new Map<string, number>()
    const begun = clock.now()
    const names = (): string[] =>
      clock.now() - begun < 8_000 ? ['web-bbb-1', 'web-bbb-2'] : ['web-bbb-1', 'web-bbb-3']
    const asker = askerWith({
      workloads: () => [workload({ canary: { ...canary, serving: names().map(podOf) } })],
      proxy: async ({ name }) => {
        const nth = (asked.get(name) ?? 0) + 1
        asked.set(name, nth)
        // The one that goes never gets warm, the one that comes needs forty requests
        await clock.sleep(name === 'web-bbb-2' ? 900 : name === 'web-bbb-3' && nth < 40 ? 400 : 20)
        return { status: 200, headers: {}, body: '' }
      },
    })
    const verdict = await clock.run(warmUp(asker, warmUpOf({})))
    expect(verdict).toMatchObject({ kind: 'pass' })
    expect(asked.get('web-bbb-3')).toBeGreaterThan(55)
    expect(verdict.lines.map((line) => line.split(':')[0])).toEqual(['Pod/web-bbb-1', 'Pod/web-bbb-3'])
  })
})
