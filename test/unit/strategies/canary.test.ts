import { describe, expect, it } from 'vitest'
import { ORIGINALS, SENTENCE } from '../../../src/strategies/annotations.ts'
import { batchOf, canaryMove, restMove } from '../../../src/strategies/canary.ts'
import { nextMove, stopMove, weightAt } from '../../../src/strategies/strategy.ts'
import { weightGoal } from '../../properties/drive.ts'
import { FIELDS, NEW, said, template, type ViewSpec, viewOf, written } from './views.ts'

const step = (maxSurge: number, maxUnavailable: number): ViewSpec => ({
  template: 'new',
  hold: { maxSurge, maxUnavailable },
})
/** 2 old and 1 new of 3, locked */
const rested: ViewSpec = { ...step(0, 1), locked: true, old: { wanted: 2 }, next: { wanted: 1 } }

describe('the next move of a canary', () => {
  it.each<{ what: string; spec: ViewSpec; percent?: number; move: string }>([
    { what: 'at rest on the old version', spec: {}, move: 'write: hold 3 old + 1 new' },
    { what: 'an old batch size', spec: { replicas: 10 }, percent: 50, move: 'write: hold 10 old + 3 new' },
    {
      what: 'without extra room',
      spec: { replicas: 4, capacity: 'replace' },
      percent: 50,
      move: 'write: hold 3 old + 1 new',
    },
    {
      what: 'not seen by the controller',
      spec: { ...step(1, 0), unseen: true },
      move: 'wait: the Deployment controller',
    },
    { what: 'no new pod yet', spec: { ...step(1, 0), next: { wanted: 0 } }, move: 'wait: 1 new and 3 old pods' },
    {
      what: 'a new pod that is not ready',
      spec: { ...step(1, 0), next: { wanted: 1, ready: 0 } },
      move: 'wait: new pods to be ready, 0 of 1',
    },
    {
      what: 'a new pod that serves',
      spec: { ...step(1, 0), next: { wanted: 1 } },
      move: 'write: move to 2 old + 1 new',
    },
    {
      what: 'an old pod too many still',
      spec: { ...step(0, 1), next: { wanted: 1 } },
      move: 'wait: 1 new and 2 old pods',
    },
    {
      what: 'the pair, without its lock',
      spec: { ...step(0, 1), old: { wanted: 2 }, next: { wanted: 1 } },
      move: 'write: lock at 2 old + 1 new',
    },
    { what: 'the pair, locked', spec: rested, move: 'done' },
    {
      what: 'the pair, locked, but the new pod has died since',
      spec: { ...rested, next: { wanted: 1, ready: 0 } },
      move: 'wait: new pods to be ready, 0 of 1',
    },
    { what: 'the next weight', spec: rested, percent: 66, move: 'write: move to 2 old + 2 new' },
    {
      what: 'the next weight, but the new pod has died since',
      spec: { ...rested, next: { wanted: 1, ready: 0 } },
      percent: 66,
      move: 'wait: new pods to be ready, 0 of 1',
    },
    {
      what: 'locked by a cancel before the first new pod was ready',
      spec: { ...step(1, 0), locked: true, next: { wanted: 1, ready: 0 } },
      move: 'wait: new pods to be ready, 0 of 1',
    },
    {
      what: 'locked by a cancel before an old pod went',
      spec: { ...step(1, 0), locked: true, next: { wanted: 1 } },
      move: 'write: move to 2 old + 1 new',
    },
    {
      what: 'a pod more from an autoscaler',
      spec: { ...rested, replicas: 4, old: { wanted: 3 }, next: { wanted: 1 } },
      percent: 25,
      move: 'done',
    },
    { what: 'scaled to nothing', spec: { replicas: 0 }, move: 'wait: pods: it was scaled to 0' },
    {
      what: 'a foreign template',
      spec: { template: template('web:9') },
      move: 'drift: its template was changed by somebody (now web:9)',
    },
    { what: 'no Deployment', spec: { gone: true }, move: 'drift: it was deleted' },
    {
      what: 'the release, applied by somebody: its hold is over',
      spec: { template: 'new', locked: true, old: { wanted: 2 }, next: { wanted: 1 } },
      move: 'write: hold 2 old + 1 new',
    },
  ])('$what: $move', ({ spec, percent = 33, move }) => {
    expect(said(nextMove('canary', viewOf(spec), weightGoal(percent)))).toBe(move)
  })

  it('waits for a pod as long as the manifest says, not as long as the hold does', () => {
    const spec = (readyFor: number): ViewSpec => ({
      ...step(1, 0),
      next: { wanted: 1, readyFor },
      versions: { nextFields: { ...FIELDS, minReadySeconds: 5 } },
    })
    expect(said(canaryMove(viewOf(spec(4)), 33))).toBe('wait: new pods to be ready, 0 of 1')
    expect(said(canaryMove(viewOf(spec(5)), 33))).toBe('write: move to 2 old + 1 new')
  })

  it('begins with one write: template, the four fields, unlocked, and both sets of values', () => {
    expect(written(canaryMove(viewOf(), 33))).toEqual({
      '/spec/template': NEW,
      '/spec/minReadySeconds': 2_147_483_646,
      '/spec/progressDeadlineSeconds': 2_147_483_647,
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      '/spec/paused': false,
      '/metadata/annotations': {
        [ORIGINALS]: JSON.stringify({ rollout: 7, stable: FIELDS, release: FIELDS }),
        [SENTENCE]: 'Headgate moves this object.',
      },
    })
  })

  it('carries the whole template with every move that lifts the lock, and not with the lock', () => {
    const moving = written(canaryMove(viewOf(rested), 66))
    expect(moving).toMatchObject({ '/spec/template': NEW, '/spec/paused': false })
    const locking = written(canaryMove(viewOf({ ...rested, locked: false }), 33))
    expect(Object.keys(locking)).toEqual(['/spec/paused', '/metadata/annotations'])
  })

  it.each([
    { maxSurge: 0, replicas: 5, batch: 1 },
    { maxSurge: 3, replicas: 5, batch: 3 },
    { maxSurge: '25%', replicas: 5, batch: 2 },
  ])('moves $batch of $replicas at a time with surge $maxSurge', ({ maxSurge, replicas, batch }) => {
    const view = viewOf({ versions: { nextFields: { ...FIELDS, maxSurge } } })
    expect(batchOf(view, replicas)).toBe(batch)
  })

  it('does nothing before the first weight, whatever the steps before it are', () => {
    const steps = [{ kind: 'approve' as const }, { kind: 'weight' as const, percent: 50 }]
    expect(said(nextMove('canary', viewOf(), { kind: 'step', steps, index: 0 }))).toBe('done')
    expect([weightAt(steps, 0), weightAt(steps, 1)]).toEqual([0, 50])
  })

  it('keeps the weight through the steps that follow it', () => {
    const steps = [
      { kind: 'weight' as const, percent: 33 },
      { kind: 'wait' as const, ms: 1 },
    ]
    expect(said(nextMove('canary', viewOf(rested), { kind: 'step', steps, index: 1 }))).toBe('done')
  })
})

describe('a canary that is stopped', () => {
  it.each<{ what: string; spec: ViewSpec; fields: object }>([
    { what: 'before its first pod', spec: { ...step(1, 0), next: 'none' }, fields: { maxSurge: 1, maxUnavailable: 0 } },
    {
      what: 'with both sides',
      spec: { ...step(1, 0), next: { wanted: 1 } },
      fields: { maxSurge: 1, maxUnavailable: 0 },
    },
    {
      what: 'in the middle of a large move',
      spec: { replicas: 5, ...step(0, 3), old: { wanted: 4 }, next: { wanted: 2 } },
      fields: { maxSurge: 1, maxUnavailable: 1 },
    },
  ])('$what rests with the pods there are, locked', ({ spec, fields }) => {
    const move = stopMove('canary', viewOf(spec))
    expect(written(move)).toMatchObject({
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: fields },
      '/spec/paused': true,
    })
    expect(said(move)).toBe('write: lock')
  })

  it.each<{ what: string; spec: ViewSpec }>([
    { what: 'locked', spec: rested },
    { what: 'gone', spec: { gone: true } },
    { what: 'not held', spec: {} },
  ])('$what needs nothing', ({ spec }) => {
    expect(restMove(viewOf(spec))).toBeUndefined()
  })
})
