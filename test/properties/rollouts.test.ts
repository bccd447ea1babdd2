import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashOf, isServing } from '../../src/health/pods.ts'
import { resolvedSurge, resolvedUnavailable } from '../../src/manifests/workload.ts'
import { holdFieldsOf } from '../../src/rollout/record.ts'
import { pairFor } from '../../src/strategies/pods.ts'
import type { Goal } from '../../src/strategies/strategy.ts'
import { FIELDS, NEW, OLD } from '../unit/strategies/views.ts'
import type { Event } from './controller-model.ts'
import { BACK, Drive, FINISH, liveService, numbers, PREVIEW, type Setup, SWITCH, weightGoal } from './drive.ts'

const bound = fc.oneof(
  fc.integer({ min: 0, max: 6 }),
  fc.integer({ min: 0, max: 100 }).map((each) => `${each}%`),
)
const fields = fc
  .record({ maxSurge: bound, maxUnavailable: bound })
  .filter(({ maxSurge, maxUnavailable }) => ![maxSurge, maxUnavailable].every((each) => each === 0 || each === '0%'))
const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const weights = fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 })
const setups = fc.record({
  replicas: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 10 }) }, fc.integer({ min: 11, max: 30 })),
  fields,
  capacity: fc.constantFrom('keep' as const, 'replace' as const),
  weights: weights.map((list) => list.toSorted((a, b) => a - b)),
  namesMinReady: fc.boolean(),
  minReadySeconds: fc.constantFrom(0, 7),
  services: fc.integer({ min: 1, max: 2 }),
  seed,
})
type Drawn = typeof setups extends fc.Arbitrary<infer T> ? T : never

function driven(drawn: Drawn, strategy: Setup['strategy'], more: Partial<Setup> = {}): Drive {
  const { replicas, fields, capacity, namesMinReady, minReadySeconds, services } = drawn
  const own = { ...fields, minReadySeconds }
  const drive = new Drive({ strategy, replicas, capacity, namesMinReady, services, fields: own, ...more })
  const random = numbers(drawn.seed)
  drive.pick = (events: Event[]) => events[random(events.length)]
  return drive
}

function batchOf({ fields, replicas }: Drawn): number {
  return Math.max(1, resolvedSurge({ strategy: { rollingUpdate: fields } }, replicas))
}

/** Pods that serve, pods asked for, and how many of those that are asked for serve. */
function alive(drive: Drive): { serving: number; asked: number; lasting: number } {
  const { pods, replicaSets } = drive.view()
  const serving = pods.filter((pod) => isServing(pod, 0, drive.cluster.now))
  const sizes = replicaSets.map((set) => {
    const wanted = set.spec.replicas ?? 0
    return { wanted, lasting: Math.min(wanted, serving.filter((pod) => hashOf(pod) === hashOf(set)).length) }
  })
  const sum = (key: 'wanted' | 'lasting'): number => sizes.reduce((total, each) => total + each[key], 0)
  return { serving: serving.length, asked: sum('wanted'), lasting: sum('lasting') }
}

/** The Deployment, its pods and its Services are what one version alone looks like. */
function expectWhole(drive: Drive, which: 'stable' | 'next', { fields, minReadySeconds }: Drawn): void {
  drive.rest()
  const { deployment } = drive
  const { spec } = deployment
  const replicas = spec.replicas ?? 1
  expect(spec.template).toEqual(which === 'stable' ? OLD : NEW)
  expect(holdFieldsOf(spec)).toEqual({ ...FIELDS, ...fields, minReadySeconds })
  expect(spec.paused ?? false).toBe(false)
  const image = which === 'stable' ? 'web:1' : 'web:2'
  expect(drive.view().pods.map((pod) => pod.spec.containers[0]?.image)).toEqual(Array(replicas).fill(image))
  expect(alive(drive).serving).toBe(replicas)
  for (const { live, preview } of drive.view().services) {
    expect(live?.spec.selector).toEqual({ app: 'web' })
    expect(preview).toBeUndefined()
  }
}

const RUNS = { numRuns: 30 }

describe('a canary', () => {
  it('keeps capacity, stays within its room, never turns a weight back, and comes to its end', () => {
    fc.assert(
      fc.property(setups, (drawn) => {
        const { replicas, capacity } = drawn
        const drive = driven(drawn, 'canary')
        const batch = batchOf(drawn)
        const tight = capacity === 'replace' && replicas > 1
        let last = [replicas, 0]
        drive.seen = () => {
          const { serving, asked } = alive(drive)
          expect(serving).toBeGreaterThanOrEqual(tight ? replicas - Math.min(batch, replicas - 1) : replicas)
          expect(asked).toBeLessThanOrEqual(replicas + (tight ? 0 : batch))
          const [old, fresh] = drive.view().replicaSets.map(({ spec }) => spec.replicas ?? 0)
          expect(old).toBeLessThanOrEqual(last[0] ?? 0)
          expect(fresh ?? 0).toBeGreaterThanOrEqual(last[1] ?? 0)
          last = [old ?? 0, fresh ?? 0]
        }
        for (const [index, percent] of drawn.weights.entries()) {
          drive.reach(weightGoal(...drawn.weights.slice(0, index + 1))).rest()
          expect(last).toEqual(pairFor(replicas, percent))
          expect(drive.deployment.spec.paused).toBe(true)
        }
        const least = replicas - resolvedUnavailable(drive.view().deployment?.spec ?? {}, replicas)
        const own = { strategy: { rollingUpdate: drawn.fields } }
        const room = replicas + Math.max(batch, resolvedSurge(own, replicas))
        drive.seen = () => {
          const { serving, asked } = alive(drive)
          expect(serving).toBeGreaterThanOrEqual(Math.min(least, replicas - resolvedUnavailable(own, replicas)))
          expect(asked).toBeLessThanOrEqual(room)
        }
        drive.reach(FINISH)
        expectWhole(drive, 'next', drawn)
      }),
      RUNS,
    )
  })

  it('keeps capacity when it is stopped anywhere and gone on with by another run', () => {
    fc.assert(
      fc.property(setups, fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }), (drawn, stops) => {
        const drive = driven({ ...drawn, capacity: 'keep' }, 'canary')
        drive.seen = () => expect(alive(drive).serving).toBeGreaterThanOrEqual(drawn.replicas)
        for (const count of stops) drive.some(weightGoal(...drawn.weights), count).stop()
        drive.reach(weightGoal(...drawn.weights)).rest()
        expect(drive.deployment.spec.paused).toBe(true)
      }),
      RUNS,
    )
  })

  it('goes back to the stable version from every point, locked there or not, with the user’s own bounds', () => {
    fc.assert(
      fc.property(setups, fc.nat(150), fc.boolean(), fc.boolean(), (drawn, count, stopped, finishing) => {
        const drive = driven(drawn, 'canary')
        const goal = weightGoal(...drawn.weights)
        if (finishing) drive.reach(goal).some(FINISH, count)
        else drive.some(goal, count)
        if (stopped) drive.stop().rest()
        const { replicas } = drawn
        const own = replicas - resolvedUnavailable({ strategy: { rollingUpdate: drawn.fields } }, replicas)
        const { serving, lasting } = alive(drive)
        // A pod that a set has yet to remove is counted as available once more by the controller itself.
        const least = Math.min(own, lasting) - (serving - lasting)
        drive.seen = () => expect(alive(drive).serving).toBeGreaterThanOrEqual(least)
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
      }),
      RUNS,
    )
  })

  it('keeps every stable pod that it needs when no new pod ever becomes ready', () => {
    fc.assert(
      fc.property(setups, (drawn) => {
        const drive = driven({ ...drawn, capacity: 'keep' }, 'canary')
        drive.cluster.broken.add('web:2')
        drive.seen = () => expect(alive(drive).serving).toBeGreaterThanOrEqual(drawn.replicas)
        expect(() => drive.reach(weightGoal(...drawn.weights))).toThrow('new pods to be ready')
        expect(alive(drive)).toMatchObject({ serving: drawn.replicas })
        drive.seen = () => {}
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
      }),
      RUNS,
    )
  })

  it('survives an autoscaler between any two events: somebody always serves, and it comes to its end or back', () => {
    fc.assert(
      fc.property(
        setups,
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 6 }),
        fc.boolean(),
        (drawn, sizes, back) => {
          const drive = driven(drawn, 'canary')
          const random = numbers(drawn.seed + 1)
          drive.seen = () => expect(alive(drive).serving).toBeGreaterThanOrEqual(1)
          for (const size of sizes) {
            drive.some(weightGoal(...drawn.weights), random(60))
            // It only scales down what it has seen scaled up, and never what rests unlocked.
            if (drive.deployment.spec.paused === true) drive.cluster.scale('web', size)
          }
          drive.rest()
          drive.reach(weightGoal(...drawn.weights)).rest()
          expect(drive.deployment.spec.paused).toBe(true)
          const { serving } = alive(drive)
          const replicas = drive.deployment.spec.replicas ?? 1
          expect(serving).toBeGreaterThanOrEqual(replicas)
          const least = replicas - resolvedUnavailable({ strategy: { rollingUpdate: drawn.fields } }, replicas)
          drive.seen = () => expect(alive(drive).serving).toBeGreaterThanOrEqual(least)
          drive.reach(back ? BACK : FINISH)
          expectWhole(drive, back ? 'stable' : 'next', drawn)
        },
      ),
      RUNS,
    )
  })
})

describe('scaled to nothing in the middle', () => {
  it.each(['canary', 'blue-green'] as const)(
    'a %s waits for pods instead of writing for ever, and goes on',
    (strategy) => {
      fc.assert(
        fc.property(setups, fc.nat(40), (drawn, count) => {
          const drive = driven(drawn, strategy)
          const goal = strategy === 'canary' ? weightGoal(...drawn.weights) : PREVIEW
          drive.some(goal, count)
          drive.cluster.scale('web', 0)
          expect(() => drive.reach(goal)).toThrow('scaled to 0')
          drive.cluster.scale('web', drawn.replicas)
          drive.reach(BACK)
          expectWhole(drive, 'stable', drawn)
        }),
        RUNS,
      )
    },
  )
})

describe('recreate', () => {
  it('never lets two versions run at once, there and back from every point', () => {
    fc.assert(
      fc.property(setups, fc.nat(80), fc.boolean(), (drawn, count, downFirst) => {
        const drive = driven(drawn, 'recreate')
        drive.seen = () =>
          expect(new Set(drive.view().pods.map((pod) => pod.spec.containers[0]?.image)).size).toBeLessThanOrEqual(1)
        if (downFirst) drive.reach(PREVIEW)
        drive.some(FINISH, count)
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
        drive.reach(FINISH)
        expectWhole(drive, 'next', drawn)
      }),
      RUNS,
    )
  })
})

describe('blue/green', () => {
  const GOALS: Goal[] = [PREVIEW, SWITCH, FINISH]

  function watch(drive: Drive, drawn: Drawn, least = drawn.replicas): void {
    drive.seen = () => {
      const names = drive.view().services.map(({ record }) => record.name)
      for (const name of names) expect(drive.cluster.endpoints(name).length).toBeGreaterThanOrEqual(least)
      expect(alive(drive).asked).toBeLessThanOrEqual(2 * drawn.replicas)
    }
  }

  it('gives users a whole set at every instant, and ends with the new version only', () => {
    fc.assert(
      fc.property(setups, (drawn) => {
        const drive = driven(drawn, 'blue-green')
        watch(drive, drawn)
        for (const goal of GOALS) drive.reach(goal)
        expectWhole(drive, 'next', drawn)
      }),
      RUNS,
    )
  })

  it('shows users no new pod before the switch and no old one after it', () => {
    fc.assert(
      fc.property(setups, (drawn) => {
        const drive = driven(drawn, 'blue-green')
        const images = (): (string | undefined)[] =>
          drive.cluster.endpoints('web').map((pod) => pod.spec.containers[0]?.image)
        drive.seen = () => expect(new Set(images())).toEqual(new Set(['web:1']))
        drive.reach(PREVIEW).rest()
        drive.seen = () => expect(new Set(images()).size).toBe(1)
        drive.reach(SWITCH).rest()
        expect(new Set(images())).toEqual(new Set(['web:2']))
        drive.reach(FINISH)
      }),
      RUNS,
    )
  })

  it('goes back to the stable version from every point, and serves all the way', () => {
    fc.assert(
      fc.property(setups, fc.nat(2), fc.nat(120), fc.boolean(), (drawn, which, count, stopped) => {
        const drive = driven(drawn, 'blue-green')
        for (const goal of GOALS.slice(0, which)) drive.reach(goal)
        drive.some(GOALS[which] ?? FINISH, count)
        if (stopped) drive.stop().rest()
        const { replicas } = drawn
        const least = replicas - resolvedUnavailable({ strategy: { rollingUpdate: drawn.fields } }, replicas)
        watch(drive, drawn, least)
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
      }),
      RUNS,
    )
  })

  it.each([false, true])('goes back after every single event of the way (one pod short: %s)', (namesMinReady) => {
    for (const seed of [1, 7])
      for (const replicas of [1, 3])
        for (const [which, goal] of GOALS.entries())
          for (let count = 0; count < 40; count++) {
            const own = { fields: { maxSurge: 1, maxUnavailable: 0 }, capacity: 'keep' as const, weights: [1] }
            const drawn = { ...own, replicas, namesMinReady, minReadySeconds: 0 as const, services: 1, seed }
            const drive = driven(drawn, 'blue-green')
            watch(drive, drawn)
            for (const before of GOALS.slice(0, which)) drive.reach(before)
            drive.some(goal, count).reach(BACK)
            expectWhole(drive, 'stable', drawn)
          }
  })

  it('shows nobody the new version when it is taken away while an old pod is being replaced', () => {
    fc.assert(
      fc.property(setups, (drawn) => {
        fc.pre(drawn.replicas > 1)
        const drive = driven(drawn, 'blue-green').reach(PREVIEW).rest()
        const [victim] = drive.cluster.endpoints('web')
        if (victim !== undefined) drive.cluster.kill(victim)
        drive.seen = () =>
          expect(new Set(drive.cluster.endpoints('web').map((pod) => pod.spec.containers[0]?.image))).toEqual(
            new Set(['web:1']),
          )
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
      }),
      RUNS,
    )
  })

  it('keeps both sides whole when an autoscaler changes the number of pods while it rests', () => {
    fc.assert(
      fc.property(
        setups,
        fc.integer({ min: 1, max: 30 }),
        fc.boolean(),
        fc.boolean(),
        (drawn, size, switched, back) => {
          const drive = driven({ ...drawn, namesMinReady: false }, 'blue-green')
          drive.reach(PREVIEW)
          if (switched) drive.reach(SWITCH)
          drive.rest()
          drive.cluster.scale('web', size)
          drive.rest()
          expect(drive.view().replicaSets.map(({ spec }) => spec.replicas)).toEqual([size, size])
          const least = back ? size - resolvedUnavailable({ strategy: { rollingUpdate: drawn.fields } }, size) : size
          drive.seen = () => expect(drive.cluster.endpoints('web').length).toBeGreaterThanOrEqual(least)
          if (back) drive.reach(BACK)
          else drive.reach(SWITCH).reach(FINISH)
          expectWhole(drive, back ? 'stable' : 'next', drawn)
        },
      ),
      RUNS,
    )
  })

  it('stopped while the new set starts, still gives the old side all that an autoscaler asks for', () => {
    fc.assert(
      fc.property(setups, fc.nat(40), fc.integer({ min: 1, max: 30 }), (drawn, count, size) => {
        const drive = driven(drawn, 'blue-green')
        drive.some(PREVIEW, count).stop().rest()
        const whole = drive.view().replicaSets[1]?.spec.replicas === drawn.replicas
        drive.cluster.scale('web', size)
        drive.rest()
        // A set that stands whole stays whole; one that is still on its way shares in proportion.
        if (whole) expect(drive.cluster.endpoints('web').length).toBeGreaterThanOrEqual(size)
        expect(drive.cluster.endpoints('web').length).toBeGreaterThanOrEqual(1)
        drive.reach(BACK)
        expectWhole(drive, 'stable', drawn)
      }),
      RUNS,
    )
  })
})

describe('two Deployments', () => {
  it.each(['adopt', 'colored'] as const)('%s: users have a whole set at every instant, there and back', (separate) => {
    fc.assert(
      fc.property(setups, fc.nat(2), fc.nat(80), (drawn, which, count) => {
        const drive = driven(drawn, 'blue-green', { separate })
        drive.seen = () => expect(drive.cluster.endpoints('web').length).toBeGreaterThanOrEqual(drawn.replicas)
        const goals = [PREVIEW, SWITCH, FINISH]
        for (const goal of goals.slice(0, which)) drive.reach(goal)
        const color = liveService(drive).spec.selector?.['color']
        drive.some(goals[which] ?? FINISH, count)
        if (count % 2 === 0) {
          drive.reach(BACK).rest()
          expect(liveService(drive).spec.selector).toEqual({
            app: 'web',
            ...(separate === 'colored' ? { color: 'blue' } : {}),
          })
          expect(drive.cluster.endpoints('web').map((pod) => pod.spec.containers[0]?.image)).toEqual(
            Array(drawn.replicas).fill('web:1'),
          )
          expect(drive.deployment.spec.paused ?? false).toBe(false)
        } else {
          drive.reach(SWITCH).reach(FINISH).rest()
          expect(liveService(drive).spec.selector?.['color']).not.toBe(which < 2 ? color : undefined)
          expect(drive.view().pods).toEqual([])
        }
      }),
      RUNS,
    )
  })
})

describe('what is done', () => {
  it('stays done: no goal that is reached asks for another write, whatever the strategy', () => {
    const ways: [Partial<Setup> & { strategy: Setup['strategy'] }, Goal[]][] = [
      [{ strategy: 'canary' }, [weightGoal(30), FINISH]],
      [{ strategy: 'canary' }, [weightGoal(30), BACK]],
      [{ strategy: 'blue-green' }, [PREVIEW, SWITCH, FINISH]],
      [{ strategy: 'blue-green' }, [PREVIEW, SWITCH, BACK]],
      [{ strategy: 'blue-green', separate: 'adopt' }, [PREVIEW, SWITCH, FINISH]],
      [{ strategy: 'recreate' }, [PREVIEW, FINISH]],
      [{ strategy: 'recreate' }, [PREVIEW, BACK]],
      [{ strategy: 'rolling' }, [FINISH]],
    ]
    fc.assert(
      fc.property(setups, fc.constantFrom(...ways), (drawn, [setup, goals]) => {
        const drive = driven(drawn, setup.strategy, setup)
        for (const goal of goals) {
          drive.reach(goal).rest().take()
          expect(drive.reach(goal).take()).toEqual([])
        }
      }),
      RUNS,
    )
  })
})
