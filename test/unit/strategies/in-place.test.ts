import { describe, expect, it } from 'vitest'
import { roomForAbort, wholeMove } from '../../../src/strategies/in-place.ts'
import { nextMove, stopMove } from '../../../src/strategies/strategy.ts'
import { BACK, FINISH, weightGoal } from '../../properties/drive.ts'
import { deploymentOf, NEW, OLD, said, template, type ViewSpec, viewOf, written } from './views.ts'

const hold: ViewSpec = { template: 'new', hold: { maxSurge: 0, maxUnavailable: 1 }, locked: true }
const toNew: ViewSpec = { template: 'new', old: { wanted: 0 }, next: { wanted: 3 } }
const roomy = { fields: { maxUnavailable: 1 } }

describe('one version on all pods', () => {
  it.each<{ what: string; which: 'stable' | 'next'; spec: ViewSpec; move: string }>([
    { what: 'a hold, to the new', which: 'next', spec: hold, move: 'write: all pods to the new version' },
    { what: 'a hold, to the old', which: 'stable', spec: hold, move: 'write: all pods back to the old version' },
    {
      what: 'only a lock too much',
      which: 'next',
      spec: { ...toNew, locked: true },
      move: 'write: all pods to the new version',
    },
    { what: 'not seen yet', which: 'next', spec: { ...toNew, unseen: true }, move: 'wait: the Deployment controller' },
    {
      what: 'new pods missing',
      which: 'next',
      spec: { ...toNew, next: { wanted: 2 }, old: { wanted: 1 } },
      move: 'wait: new pods to be ready, 2 of 3',
    },
    {
      what: 'a new pod not ready',
      which: 'next',
      spec: { ...toNew, next: { wanted: 3, ready: 2 } },
      move: 'wait: new pods to be ready, 2 of 3',
    },
    {
      what: 'old pods still ending',
      which: 'next',
      spec: { ...toNew, old: { wanted: 0, terminating: 2 } },
      move: 'wait: 2 old pods to end',
    },
    { what: 'pods of a third version', which: 'next', spec: { ...toNew, others: 1 }, move: 'wait: 1 old pods to end' },
    { what: 'the new version alone', which: 'next', spec: toNew, move: 'done' },
    {
      what: 'old pods missing',
      which: 'stable',
      spec: { old: { wanted: 3, ready: 1 } },
      move: 'wait: old pods to be ready, 1 of 3',
    },
    {
      what: 'new pods left',
      which: 'stable',
      spec: { next: { wanted: 0, terminating: 1 } },
      move: 'wait: 1 new pods to end',
    },
    { what: 'the old version alone', which: 'stable', spec: {}, move: 'done' },
    {
      what: 'the old alone, but with the room of an abort',
      which: 'stable',
      spec: roomy,
      move: 'write: strategy as it was',
    },
    {
      what: 'no such room on the way on',
      which: 'next',
      spec: { ...toNew, ...roomy },
      move: 'write: all pods to the new version',
    },
    { what: 'nothing is left', which: 'next', spec: { gone: true }, move: 'drift: it was deleted' },
    {
      what: 'a foreign template on the way on',
      which: 'next',
      spec: { template: template('web:9') },
      move: 'drift: its template was changed by somebody (now web:9)',
    },
    {
      what: 'a foreign template is what going back is for',
      which: 'stable',
      spec: { template: template('web:9') },
      move: 'write: all pods back to the old version',
    },
    {
      what: 'a version whose ReplicaSet nobody has seen',
      which: 'stable',
      spec: { old: 'none' },
      move: 'wait: old pods to be ready, 0 of 3',
    },
    {
      what: 'two versions of the same template',
      which: 'next',
      spec: { ...toNew, old: 'none', versions: { stable: NEW } },
      move: 'done',
    },
  ])('$what: $move', ({ spec, which, move }) => {
    expect(said(wholeMove(viewOf(spec), which))).toBe(move)
  })

  it('writes the version’s own values, unlocked, in one', () => {
    const nextFields = { minReadySeconds: 4, progressDeadlineSeconds: 60, maxSurge: 2, maxUnavailable: 0 }
    expect(written(wholeMove(viewOf({ ...hold, versions: { nextFields } }), 'next'))).toMatchObject({
      '/spec/template': NEW,
      '/spec/minReadySeconds': 4,
      '/spec/progressDeadlineSeconds': 60,
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
      '/spec/paused': false,
    })
    expect(written(wholeMove(viewOf(hold), 'stable'))).toMatchObject({
      '/spec/template': OLD,
      '/spec/minReadySeconds': 0,
    })
  })

  it('gives a Recreate its type, and asks for no bounds of it', () => {
    const versions = { nextType: 'Recreate' }
    expect(written(wholeMove(viewOf({ ...toNew, versions }), 'next'))).toMatchObject({
      '/spec/strategy': { type: 'Recreate' },
    })
    expect(said(wholeMove(viewOf({ ...toNew, type: 'Recreate', versions }), 'next'))).toBe('done')
    const back = { versions: { stableType: 'Recreate' }, type: 'Recreate' }
    expect(said(wholeMove(viewOf(back), 'stable'))).toBe('done')
  })

  it('takes a Deployment that names no strategy for a rolling one', () => {
    const live = deploymentOf()
    delete live.spec.strategy
    expect(said(wholeMove({ ...viewOf(), deployment: live }, 'stable'))).toBe('done')
  })
})

describe('room for an abort', () => {
  it('lets one old pod be missing, never more, and only where none may be', () => {
    const tight = { fields: { maxSurge: 1, maxUnavailable: 0 } }
    expect(written(roomForAbort(viewOf(tight)))).toEqual({
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
    })
    expect(roomForAbort(viewOf({ replicas: 4 }))).toBeUndefined()
    expect(roomForAbort(viewOf({ ...tight, versions: { stableType: 'Recreate' } }))).toBeUndefined()
    expect(roomForAbort(viewOf({ gone: true }))).toBeUndefined()
  })
})

describe('a rolling update', () => {
  it('has no steps, goes on to the new version and back to the old one', () => {
    expect(said(nextMove('rolling', viewOf(), weightGoal(10)))).toBe('done')
    expect(said(nextMove('rolling', viewOf(), FINISH))).toBe('write: all pods to the new version')
    expect(said(nextMove('rolling', viewOf(hold), BACK))).toBe('write: all pods back to the old version')
  })

  it.each<{ what: string; spec: ViewSpec; move: string }>([
    { what: 'in its middle', spec: { template: 'new', old: { wanted: 2 }, next: { wanted: 1 } }, move: 'write: lock' },
    { what: 'locked already', spec: { template: 'new', locked: true, next: { wanted: 1 } }, move: 'nothing' },
    { what: 'not begun', spec: {}, move: 'nothing' },
    { what: 'over', spec: toNew, move: 'nothing' },
    { what: 'deleted', spec: { gone: true }, move: 'nothing' },
  ])('stopped $what: $move', ({ spec, move }) => {
    expect(said(stopMove('rolling', viewOf(spec)))).toBe(move)
  })
})
