import { describe, expect, it } from 'vitest'
import { ORIGINALS, SENTENCE } from '../../../src/strategies/annotations.ts'
import { upMove } from '../../../src/strategies/recreate.ts'
import type { Goal } from '../../../src/strategies/strategy.ts'
import { nextMove, stopMove } from '../../../src/strategies/strategy.ts'
import { BACK, FINISH } from '../../properties/drive.ts'
import { FIELDS, NEW, OLD, said, type ViewSpec, viewOf, written } from './views.ts'

const JOB: Goal = { kind: 'step', steps: [{ kind: 'job', names: ['migrate'] }], index: 0 }
const record = { replicas: 3 }
const down: ViewSpec = { template: 'new', replicas: 0, old: { wanted: 0 }, record }
const up: ViewSpec = { template: 'new', old: { wanted: 0 }, next: { wanted: 3 } }

describe('recreate', () => {
  it.each<{ what: string; goal: Goal; spec: ViewSpec; move: string }>([
    { what: 'at rest', goal: JOB, spec: {}, move: 'write: old version down, new template in place' },
    { what: 'down, not seen', goal: JOB, spec: { ...down, unseen: true }, move: 'wait: the Deployment controller' },
    {
      what: 'pods ending',
      goal: JOB,
      spec: { ...down, old: { wanted: 0, terminating: 3 } },
      move: 'wait: 3 old pods to end',
    },
    { what: 'down', goal: JOB, spec: down, move: 'done' },
    {
      what: 'scaled to nothing before, with the old template',
      goal: JOB,
      spec: { replicas: 0, old: { wanted: 0 } },
      move: 'write: old version down, new template in place',
    },
    { what: 'deleted', goal: JOB, spec: { gone: true }, move: 'drift: it was deleted' },

    { what: 'straight from rest', goal: FINISH, spec: {}, move: 'write: old version down, new template in place' },
    {
      what: 'pods ending',
      goal: FINISH,
      spec: { ...down, old: { wanted: 0, terminating: 1 } },
      move: 'wait: 1 old pods to end',
    },
    { what: 'down', goal: FINISH, spec: down, move: 'write: new version up' },
    {
      what: 'up, not ready',
      goal: FINISH,
      spec: { ...up, next: { wanted: 3, ready: 0 } },
      move: 'wait: new pods to be ready, 0 of 3',
    },
    { what: 'up', goal: FINISH, spec: up, move: 'done' },
    { what: 'deleted', goal: FINISH, spec: { gone: true }, move: 'drift: it was deleted' },

    { what: 'not begun', goal: BACK, spec: {}, move: 'done' },
    { what: 'down', goal: BACK, spec: down, move: 'write: old version up' },
    { what: 'down, not seen', goal: BACK, spec: { ...down, unseen: true }, move: 'wait: the Deployment controller' },
    {
      what: 'old pods ending',
      goal: BACK,
      spec: { ...down, old: { wanted: 0, terminating: 1 } },
      move: 'write: old version up',
    },
    {
      what: 'new pods ending',
      goal: BACK,
      spec: { ...down, next: { wanted: 0, terminating: 2 } },
      move: 'wait: 2 new pods to end',
    },
    { what: 'the new version up', goal: BACK, spec: up, move: 'write: new version down, old template in place' },
    { what: 'deleted', goal: BACK, spec: { gone: true }, move: 'drift: it was deleted' },
  ])('$goal.kind, $what: $move', ({ goal, spec, move }) => {
    expect(said(nextMove('recreate', viewOf(spec), goal))).toBe(move)
  })

  it('goes down with the new template and no pods in one write, so that an autoscaler cannot wake the old version', () => {
    expect(written(nextMove('recreate', viewOf(), JOB))).toEqual({
      '/spec/template': NEW,
      '/spec/replicas': 0,
      '/spec/paused': false,
      '/metadata/annotations': {
        [ORIGINALS]: JSON.stringify({ rollout: 7, stable: FIELDS, release: FIELDS }),
        [SENTENCE]: 'Headgate moves this object.',
      },
    })
  })

  it('comes up with as many pods as before', () => {
    expect(written(nextMove('recreate', viewOf(down), FINISH))).toMatchObject({
      '/spec/template': NEW,
      '/spec/replicas': 3,
    })
    expect(written(nextMove('recreate', viewOf(down), BACK))).toMatchObject({
      '/spec/template': OLD,
      '/spec/replicas': 3,
    })
  })

  it('is drift where there is nothing to bring up', () => {
    expect(said(upMove(viewOf({ gone: true }), 'next'))).toBe('drift: it was deleted')
  })

  it('rests as it is when it is stopped', () => {
    expect(stopMove('recreate', viewOf(down))).toBeUndefined()
  })
})
