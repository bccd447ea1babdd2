import { describe, expect, it } from 'vitest'
import { HOLD_MIN_READY_SECONDS } from '../../../src/strategies/hold.ts'
import { nextMove, stopMove } from '../../../src/strategies/strategy.ts'
import { BACK, FINISH, PREVIEW, SWITCH } from '../../properties/drive.ts'
import { NEW, type ServiceSpec, type SideSpec, said, template, type ViewSpec, viewOf, written } from './views.ts'

const FULL = { maxSurge: '100%', maxUnavailable: 0 }
const held: ViewSpec = { template: 'new', hold: FULL, locked: true }
const three = { wanted: 3 }
const onOld: ServiceSpec = { pin: 'old' }
const preview = { app: 'web', 'pod-template-hash': 'new2' }
/** both sets whole, users on the old one, locked and shown */
const beside: ViewSpec = { ...held, old: three, next: three, services: [{ pin: 'old', preview }] }
const guarded: SideSpec = { wanted: 3, kept: true }
const switched: ViewSpec = { ...beside, old: guarded, services: [{ pin: 'new', preview }] }
/** after the finish has begun */
const leaving: ViewSpec = { ...switched, hold: FULL, fields: {} }
delete leaving.hold
const emptied: ViewSpec = { ...leaving, old: { wanted: 0, kept: true } }

interface Row {
  what: string
  spec: ViewSpec
  move: string
}

describe('the new set beside the old one', () => {
  it.each<Row>([
    { what: 'at rest', spec: {}, move: 'write: hold, locked: nothing starts yet' },
    {
      what: 'held, not pinned',
      spec: { ...held, services: [{}] },
      move: 'write: Service/web to the old version (old1)',
    },
    {
      what: 'held, its old ReplicaSet not seen',
      spec: { ...held, old: 'none', services: [{}] },
      move: 'wait: the old ReplicaSet',
    },
    {
      what: 'the second Service',
      spec: { ...held, services: [onOld, { name: 'internal' }] },
      move: 'write: Service/internal to the old version (old1)',
    },
    {
      what: 'a pin that leads nowhere',
      spec: { ...held, services: [{ pin: 'elsewhere' }] },
      move: 'write: Service/web to the old version (old1)',
    },
    { what: 'no such Service', spec: { ...held, services: [{ missing: true }] }, move: 'wait: Service/web' },
    {
      what: 'pinned just now',
      spec: { ...held, services: [{ pin: 'old', changed: 10 }] },
      move: 'wait: the Service change to settle',
    },
    {
      what: 'pinned and settled',
      spec: { ...held, services: [onOld] },
      move: 'write: start 3 new pods beside the old ones',
    },
    {
      what: 'no Service at all',
      spec: held,
      move: 'write: start 3 new pods beside the old ones',
    },
    {
      what: 'one short where minReadySeconds is named',
      spec: { ...held, services: [onOld], versions: { namesMinReady: true } },
      move: 'write: start 2 new pods beside the old ones',
    },
    {
      what: 'a single replica cannot be one short',
      spec: { ...held, replicas: 1, services: [onOld], versions: { namesMinReady: true } },
      move: 'write: start 1 new pod beside the old ones',
    },
    {
      what: 'two hundred are short by two',
      spec: {
        ...held,
        replicas: 200,
        hold: { maxSurge: '99%', maxUnavailable: 0 },
        next: { wanted: 198 },
        services: [onOld],
        versions: { namesMinReady: true },
      },
      move: 'write: Service/web-preview created',
    },
    { what: 'not seen', spec: { ...beside, locked: false, unseen: true }, move: 'wait: the Deployment controller' },
    {
      what: 'started, no pod yet',
      spec: { ...beside, locked: false, next: { wanted: 0 } },
      move: 'wait: new pods to be ready, 0 of 3',
    },
    {
      what: 'not all ready',
      spec: { ...beside, locked: false, next: { wanted: 3, ready: 2 } },
      move: 'wait: new pods to be ready, 2 of 3',
    },
    { what: 'all ready', spec: { ...beside, locked: false }, move: 'write: lock at 3 old + 3 new' },
    { what: 'locked', spec: { ...beside, services: [onOld] }, move: 'write: Service/web-preview created' },
    { what: 'shown', spec: beside, move: 'done' },
    { what: 'scaled to nothing', spec: { ...beside, replicas: 0 }, move: 'wait: pods: it was scaled to 0' },
    { what: 'deleted', spec: { gone: true }, move: 'drift: it was deleted' },
    {
      what: 'a foreign template',
      spec: { ...beside, template: template('web:9') },
      move: 'drift: its template was changed by somebody (now web:9)',
    },
  ])('$what: $move', ({ spec, move }) => {
    expect(said(nextMove('blue-green', viewOf(spec), PREVIEW))).toBe(move)
  })

  it('begins locked, with room for a whole set in percent, so that an autoscaler keeps both whole', () => {
    expect(written(nextMove('blue-green', viewOf(), PREVIEW))).toMatchObject({
      '/spec/template': NEW,
      '/spec/minReadySeconds': HOLD_MIN_READY_SECONDS,
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: FULL },
      '/spec/paused': true,
    })
  })

  it('waits for exactly as long as the Service change needs', () => {
    const view = viewOf({ ...held, services: [{ pin: 'old', changed: 1_000 }] })
    expect(nextMove('blue-green', view, PREVIEW)).toMatchObject({ wakeAt: view.now + 2_000 })
  })
})

describe('the switch', () => {
  it.each<Row>([
    { what: 'the old side not guarded', spec: beside, move: 'write: old ReplicaSet guarded against a foreign apply' },
    { what: 'guarded', spec: { ...beside, old: guarded }, move: 'write: Service/web to the new version (new2)' },
    {
      what: 'one short',
      spec: { ...beside, old: guarded, next: { wanted: 2 }, versions: { namesMinReady: true } },
      move: 'write: start 3 new pods beside the old ones',
    },
    {
      what: 'a new pod has died',
      spec: { ...beside, old: guarded, next: { wanted: 3, ready: 2 } },
      move: 'wait: new pods to be ready, 2 of 3',
    },
    {
      what: 'the old set runs with more pods than replicas',
      spec: { ...beside, old: { wanted: 4, kept: true } },
      move: 'wait: the new set to serve with as many pods as the old one, 3 of 4',
    },
    {
      what: 'the second Service',
      spec: {
        ...beside,
        old: guarded,
        services: [
          { pin: 'new', preview },
          { name: 'internal', pin: 'old', preview },
        ],
      },
      move: 'write: Service/internal to the new version (new2)',
    },
    {
      what: 'switched just now',
      spec: { ...switched, services: [{ pin: 'new', preview, changed: 1 }] },
      move: 'wait: the Service change to settle',
    },
    { what: 'switched', spec: switched, move: 'done' },
    { what: 'switched, but the lock is off', spec: { ...switched, locked: false }, move: 'write: lock' },
    { what: 'nothing begun', spec: { services: [{}] }, move: 'write: hold, locked: nothing starts yet' },
    { what: 'deleted', spec: { gone: true }, move: 'drift: it was deleted' },
  ])('$what: $move', ({ spec, move }) => {
    expect(said(nextMove('blue-green', viewOf(spec), SWITCH))).toBe(move)
  })
})

describe('the finish', () => {
  it.each<Row>([
    { what: 'both sets whole', spec: switched, move: 'write: old set away' },
    {
      what: 'the switch is not settled',
      spec: { ...switched, services: [{ pin: 'new', changed: 1 }] },
      move: 'wait: the Service change to settle',
    },
    { what: 'written, not seen', spec: { ...leaving, unseen: true }, move: 'wait: the Deployment controller' },
    { what: 'old pods there', spec: leaving, move: 'wait: 3 old pods to end' },
    {
      what: 'old pods ending',
      spec: { ...emptied, old: { wanted: 0, terminating: 2 } },
      move: 'wait: 2 old pods to end',
    },
    { what: 'old pods gone', spec: emptied, move: 'write: old ReplicaSet as it was' },
    { what: 'the guard is off', spec: { ...emptied, old: { wanted: 0 } }, move: 'write: Service/web without a pin' },
    {
      what: 'unpinned',
      spec: { ...emptied, old: 'none', services: [{ preview }] },
      move: 'write: Service/web-preview removed',
    },
    {
      what: 'no preview left',
      spec: { ...emptied, old: 'none', services: [{}] },
      move: 'write: all pods to the new version',
    },
    { what: 'as the release has it', spec: { ...emptied, locked: false, old: 'none', services: [{}] }, move: 'done' },
    {
      what: 'the new set larger than it should be, which a locked controller leaves alone',
      spec: { ...leaving, next: { wanted: 4 } },
      move: 'write: old set away',
    },
    {
      what: 'a foreign template',
      spec: { ...switched, template: template('web:9') },
      move: 'drift: its template was changed by somebody (now web:9)',
    },
    { what: 'deleted', spec: { gone: true }, move: 'drift: it was deleted' },
  ])('$what: $move', ({ spec, move }) => {
    expect(said(nextMove('blue-green', viewOf(spec), FINISH))).toBe(move)
  })

  it('takes the old set away with the surge still whole and locked, everything else as it was', () => {
    expect(written(nextMove('blue-green', viewOf(switched), FINISH))).toMatchObject({
      '/spec/minReadySeconds': 0,
      '/spec/progressDeadlineSeconds': 600,
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: FULL },
      '/spec/paused': true,
    })
  })

  it('lifts the lock for a set that is not as large as it should be, and puts it back', () => {
    const odd = { ...leaving, next: { wanted: 4 } }
    expect(written(nextMove('blue-green', viewOf(odd), FINISH))).toMatchObject({ '/spec/paused': false })
    expect(said(nextMove('blue-green', viewOf({ ...odd, locked: false }), FINISH))).toBe('wait: 3 old pods to end')
    expect(written(nextMove('blue-green', viewOf({ ...leaving, locked: false }), FINISH))).toMatchObject({
      '/spec/paused': true,
    })
  })
})

describe('the way back', () => {
  const back: ViewSpec = { ...beside, template: 'old', services: [onOld] }
  delete back.hold

  it.each<Row>([
    { what: 'not begun', spec: { services: [{}] }, move: 'done' },
    {
      what: 'held, nothing pinned',
      spec: { ...held, services: [{}] },
      move: 'write: all pods back to the old version',
    },
    { what: 'switched', spec: switched, move: 'write: Service/web to the old version (old1)' },
    {
      what: 'users on the old side',
      spec: { ...switched, services: [{ pin: 'old', preview }] },
      move: 'write: Service/web-preview removed',
    },
    {
      what: 'just now',
      spec: { ...switched, services: [{ pin: 'old', changed: 1 }] },
      move: 'wait: the Service change to settle',
    },
    {
      what: 'preview gone, the guard still on',
      spec: { ...switched, services: [onOld] },
      move: 'write: old ReplicaSet as it was',
    },
    { what: 'the guard is off', spec: { ...beside, services: [onOld] }, move: 'write: new set away' },
    { what: 'new pods there', spec: back, move: 'wait: 3 new pods to end' },
    { what: 'new pods gone', spec: { ...back, next: { wanted: 0 } }, move: 'write: Service/web without a pin' },
    {
      what: 'unpinned',
      spec: { ...back, next: { wanted: 0 }, services: [{}] },
      move: 'write: all pods back to the old version',
    },
    {
      what: 'the guard still on, a foreign apply has brought the old file',
      spec: { ...switched, template: 'old', services: [{}] },
      move: 'write: old ReplicaSet as it was',
    },
    { what: 'everything as it was', spec: { services: [{}] }, move: 'done' },
    {
      what: 'an old pod is being replaced, users on the old side',
      spec: { ...beside, old: { wanted: 3, ready: 2 }, services: [onOld] },
      move: 'write: new set away',
    },
    {
      what: 'an old pod is missing, users on the new side',
      spec: { ...switched, old: { ...guarded, ready: 2 } },
      move: 'write: Service/web without a pin',
    },
    {
      what: 'no old pod serves',
      spec: { ...beside, old: { wanted: 3, ready: 0 }, services: [onOld] },
      move: 'write: Service/web without a pin',
    },
    { what: 'the finish has begun, old pods still there', spec: leaving, move: 'write: Service/web without a pin' },
    { what: 'the old side is emptied', spec: emptied, move: 'write: Service/web without a pin' },
    {
      what: 'emptied, unpinned just now',
      spec: { ...emptied, services: [{ changed: 1 }] },
      move: 'wait: the Service change to settle',
    },
    {
      what: 'emptied and unpinned',
      spec: { ...emptied, services: [{ preview }] },
      move: 'write: Service/web-preview removed',
    },
    {
      what: 'emptied, nothing shown',
      spec: { ...emptied, services: [{}] },
      move: 'write: old ReplicaSet as it was',
    },
    {
      what: 'emptied, the guard is off',
      spec: { ...emptied, old: { wanted: 0 }, services: [{}] },
      move: 'write: all pods back to the old version',
    },
    {
      what: 'the old ReplicaSet not seen',
      spec: { ...beside, old: 'none', services: [{ pin: 'new' }] },
      move: 'write: Service/web without a pin',
    },
    { what: 'deleted', spec: { gone: true }, move: 'drift: it was deleted' },
  ])('$what: $move', ({ spec, move }) => {
    expect(said(nextMove('blue-green', viewOf(spec), BACK))).toBe(move)
  })

  it('commands exactly the pods there are, since any other surge would first scale both sides', () => {
    const short = { ...beside, next: { wanted: 2 }, services: [onOld] }
    expect(written(nextMove('blue-green', viewOf(short), BACK))).toMatchObject({
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: '66%', maxUnavailable: 0 } },
    })
    const none = { ...beside, next: { wanted: 0 }, services: [onOld] }
    expect(written(nextMove('blue-green', viewOf(none), BACK))).toMatchObject({
      '/spec/strategy': { type: 'RollingUpdate', rollingUpdate: FULL },
    })
  })
})

describe('blue/green that is stopped', () => {
  it.each([
    { what: 'while it starts', next: { wanted: 3, ready: 0 }, maxSurge: '100%' },
    { what: 'with a part of its set', next: { wanted: 1 }, maxSurge: '33%' },
    { what: 'before its first pod', next: 'none' as const, maxSurge: '33%' },
  ])('$what rests locked, its surge in percent', ({ next, maxSurge }) => {
    const move = stopMove('blue-green', viewOf({ ...beside, locked: false, next }))
    expect(written(move)).toMatchObject({
      '/spec/strategy': { rollingUpdate: { maxSurge, maxUnavailable: 0 } },
      '/spec/paused': true,
    })
  })

  it('needs nothing where it is locked', () => {
    expect(stopMove('blue-green', viewOf(beside))).toBeUndefined()
  })
})
