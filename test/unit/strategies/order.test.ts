import { describe, expect, it } from 'vitest'
import type { Goal } from '../../../src/strategies/strategy.ts'
import { BACK, Drive, FINISH, PREVIEW, type Setup, SWITCH, weightGoal } from '../../properties/drive.ts'

/** All writes on the way through the goals, in order. */
function writes(setup: Partial<Setup> & { strategy: Setup['strategy'] }, ...goals: Goal[]): string[] {
  const drive = new Drive({ replicas: 3, ...setup })
  for (const goal of goals) drive.reach(goal)
  return drive.take().map((text) => text.replaceAll(/\(h\d+\)/g, '(hash)'))
}

const HELD = ['hold, locked: nothing starts yet', 'Service/web to the old version (hash)']
const BESIDE = [...HELD, 'start 3 new pods beside the old ones', 'lock at 3 old + 3 new', 'Service/web-preview created']
const GUARD = 'old ReplicaSet guarded against a foreign apply'
const SWITCHED = [...BESIDE, GUARD, 'Service/web to the new version (hash)']

describe('the order of writes', () => {
  it('canary: more new pods, wait, fewer old ones, lock; every later step the same; then the native update', () => {
    expect(writes({ strategy: 'canary' }, weightGoal(33), weightGoal(33, 66), FINISH)).toEqual([
      'hold 3 old + 1 new',
      'move to 2 old + 1 new',
      'lock at 2 old + 1 new',
      'move to 2 old + 2 new',
      'move to 1 old + 2 new',
      'lock at 1 old + 2 new',
      'all pods to the new version',
    ])
  })

  it('canary, abort: the old template and its values in one write, and no other', () => {
    expect(writes({ strategy: 'canary' }, weightGoal(33), BACK).slice(3)).toEqual(['all pods back to the old version'])
  })

  it('canary without extra room: an old pod first', () => {
    expect(writes({ strategy: 'canary', capacity: 'replace' }, weightGoal(66))).toEqual([
      'hold 2 old + 1 new',
      'move to 1 old + 2 new',
      'lock at 1 old + 2 new',
    ])
  })

  it('blue/green: locked, pinned, started, locked, shown, guarded, switched', () => {
    expect(writes({ strategy: 'blue-green' }, PREVIEW, SWITCH)).toEqual(SWITCHED)
  })

  it('blue/green, finish: old set away, its ReplicaSet as it was, unpinned, preview gone, originals and lock off', () => {
    expect(writes({ strategy: 'blue-green' }, PREVIEW, SWITCH, FINISH).slice(SWITCHED.length)).toEqual([
      'old set away',
      'old ReplicaSet as it was',
      'Service/web without a pin',
      'Service/web-preview removed',
      'all pods to the new version',
    ])
  })

  it('blue/green where the manifest names minReadySeconds: one short until right before the switch', () => {
    expect(writes({ strategy: 'blue-green', namesMinReady: true }, PREVIEW, SWITCH)).toEqual([
      ...HELD,
      'start 2 new pods beside the old ones',
      'lock at 3 old + 2 new',
      'Service/web-preview created',
      'start 3 new pods beside the old ones',
      'lock at 3 old + 3 new',
      GUARD,
      'Service/web to the new version (hash)',
    ])
  })

  it('blue/green: every Service is pinned before the first new pod, whatever the first step is', () => {
    for (const first of [PREVIEW, SWITCH]) {
      const all = writes({ strategy: 'blue-green', services: 2 }, first)
      expect(all.slice(0, 4)).toEqual([
        ...HELD,
        'Service/web1 to the old version (hash)',
        'start 3 new pods beside the old ones',
      ])
    }
  })

  it('blue/green, abort before the first pod: one write', () => {
    const drive = new Drive({ strategy: 'blue-green', replicas: 3 }).some(PREVIEW, 1)
    drive.take()
    expect(drive.reach(BACK).take()).toEqual(['all pods back to the old version'])
  })

  it('blue/green, abort while the old side is whole: users first, then pods, then the pin, the originals last', () => {
    expect(writes({ strategy: 'blue-green' }, PREVIEW, SWITCH, BACK).slice(SWITCHED.length)).toEqual([
      'Service/web to the old version (hash)',
      'Service/web-preview removed',
      'old ReplicaSet as it was',
      'new set away',
      'Service/web without a pin',
      'all pods back to the old version',
    ])
  })

  it('blue/green, abort once the old side is emptied: the pin first, then the native way back', () => {
    const drive = new Drive({ strategy: 'blue-green', replicas: 3 }).reach(PREVIEW).reach(SWITCH)
    drive.some(FINISH, 1).rest()
    expect(drive.take().at(-1)).toBe('old set away')
    expect(drive.reach(BACK).take()).toEqual([
      'Service/web without a pin',
      'Service/web-preview removed',
      'old ReplicaSet as it was',
      'all pods back to the old version',
    ])
  })

  it('two Deployments, adopted: locked and pinned before the new one is made', () => {
    expect(writes({ strategy: 'blue-green', separate: 'adopt' }, PREVIEW, SWITCH, FINISH)).toEqual([
      'lock while it is replaced',
      'Service/web to the old version (hash)',
      'created without pods',
      '3 new pods',
      'Service/web-preview created',
      'Service/web to blue',
      'old set away',
      'Service/web-preview removed',
    ])
  })

  it('two Deployments, adopted, abort: users, preview, the new one, the pin, the lock', () => {
    expect(writes({ strategy: 'blue-green', separate: 'adopt' }, PREVIEW, SWITCH, BACK).slice(6)).toEqual([
      'Service/web to the old version (hash)',
      'Service/web-preview removed',
      'Deployment/web-blue removed',
      'Service/web without a pin',
      'unlocked',
    ])
  })

  it('two Deployments in colors: no pin, no lock', () => {
    expect(writes({ strategy: 'blue-green', separate: 'colored' }, PREVIEW, SWITCH, FINISH)).toEqual([
      'created without pods',
      '3 new pods',
      'Service/web-preview created',
      'Service/web to green',
      'old set away',
      'Service/web-preview removed',
    ])
    expect(writes({ strategy: 'blue-green', separate: 'colored' }, PREVIEW, SWITCH, BACK).slice(4)).toEqual([
      'Service/web to the old version',
      'Service/web-preview removed',
      'Deployment/web-green removed',
    ])
  })

  it('recreate: down with the new template, up when every pod is gone; back the same way', () => {
    expect(writes({ strategy: 'recreate' }, PREVIEW, FINISH)).toEqual([
      'old version down, new template in place',
      'new version up',
    ])
    expect(writes({ strategy: 'recreate' }, FINISH, BACK).slice(2)).toEqual([
      'new version down, old template in place',
      'old version up',
    ])
    expect(writes({ strategy: 'recreate' }, PREVIEW, BACK).slice(1)).toEqual(['old version up'])
  })

  it('rolling: one write there, one back', () => {
    expect(writes({ strategy: 'rolling' }, FINISH, BACK)).toEqual([
      'all pods to the new version',
      'all pods back to the old version',
    ])
  })
})
