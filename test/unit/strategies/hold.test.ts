import { describe, expect, it } from 'vitest'
import { ORIGINALS, SENTENCE } from '../../../src/strategies/annotations.ts'
import {
  changeDeployment,
  commandedPair,
  isHeld,
  isLocked,
  isRolling,
  lastWriter,
  originalsOf,
  templateDrift,
} from '../../../src/strategies/hold.ts'
import { deploymentOf, FIELDS, NEW, template, viewOf } from './views.ts'

describe('the JSON patch of a change', () => {
  it('writes template, timing, strategy, lock, replicas and annotation in one', () => {
    const live = deploymentOf({ annotations: { team: 'shop' } })
    const operations = changeDeployment(live, {
      template: NEW,
      fields: { minReadySeconds: 9, progressDeadlineSeconds: 99, maxSurge: 1, maxUnavailable: 0 },
      type: 'RollingUpdate',
      paused: true,
      replicas: 0,
      annotations: { [SENTENCE]: 'it moves' },
    })
    expect(operations).toEqual([
      { op: 'replace', path: '/spec/template', value: NEW },
      { op: 'add', path: '/spec/minReadySeconds', value: 9 },
      { op: 'add', path: '/spec/progressDeadlineSeconds', value: 99 },
      {
        op: 'add',
        path: '/spec/strategy',
        value: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      },
      { op: 'add', path: '/spec/paused', value: true },
      { op: 'add', path: '/spec/replicas', value: 0 },
      { op: 'add', path: '/metadata/annotations/headgate.dev~1rollout', value: 'it moves' },
    ])
  })

  it('changes nothing that it was not told to', () => {
    expect(changeDeployment(deploymentOf(), {})).toEqual([])
  })

  it('keeps the bound that is not named', () => {
    const live = deploymentOf({ fields: { maxSurge: 2, maxUnavailable: 1 } })
    const [operation] = changeDeployment(live, { fields: { maxUnavailable: 0 } })
    expect(operation).toMatchObject({ value: { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } } })
    const [other] = changeDeployment(live, { fields: { maxSurge: '100%' } })
    expect(other).toMatchObject({ value: { rollingUpdate: { maxSurge: '100%', maxUnavailable: 1 } } })
  })

  it.each([
    { live: 'RollingUpdate', type: 'Recreate', value: { type: 'Recreate' } },
    { live: 'Recreate', type: 'Recreate', value: undefined },
    {
      live: 'Recreate',
      type: 'RollingUpdate',
      value: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    },
  ])('takes the type from $live to $type', ({ live, type, value }) => {
    const operations = changeDeployment(deploymentOf({ type: live }), { fields: FIELDS, type })
    expect(operations.find(({ path }) => path === '/spec/strategy')).toEqual(
      value === undefined ? undefined : { op: 'add', path: '/spec/strategy', value },
    )
  })

  it('takes a Deployment without a strategy for a rolling one', () => {
    const live = deploymentOf()
    delete live.spec.strategy
    expect(changeDeployment(live, { fields: { maxSurge: 1 } })).toEqual([
      {
        op: 'add',
        path: '/spec/strategy',
        value: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
      },
    ])
  })

  it.each([
    {
      what: 'makes the first annotations',
      live: undefined,
      change: { a: '1', b: null },
      path: '/metadata/annotations',
    },
    { what: 'into none', live: {}, change: { a: '1' }, path: '/metadata/annotations' },
    { what: 'writes nothing to remove from none', live: undefined, change: { a: null }, path: undefined },
    { what: 'removes one that is there', live: { a: '1' }, change: { a: null }, path: '/metadata/annotations/a' },
    { what: 'removes none that is not', live: { b: '1' }, change: { a: null }, path: undefined },
  ])('annotations: $what', ({ live, change, path }) => {
    const object = deploymentOf(live === undefined ? {} : { annotations: live })
    expect(changeDeployment(object, { annotations: change }).map((each) => each.path)).toEqual(
      path === undefined ? [] : [path],
    )
  })
})

describe('what a Deployment is', () => {
  it('is held by its timing, locked by paused', () => {
    const held = deploymentOf({ hold: { maxSurge: 1, maxUnavailable: 0 }, locked: true })
    expect([isHeld(held), isLocked(held), commandedPair(held)]).toEqual([true, true, [3, 1]])
    expect([isHeld(deploymentOf()), isLocked(deploymentOf())]).toEqual([false, false])
  })

  it.each([
    { maxSurge: '100%', maxUnavailable: 0, pair: [3, 3] },
    { maxSurge: 0, maxUnavailable: 2, pair: [1, 2] },
    { maxSurge: '25%', maxUnavailable: '25%', pair: [3, 1] },
  ])('asks for $pair by surge $maxSurge, unavailable $maxUnavailable', ({ pair, ...bounds }) => {
    expect(commandedPair(deploymentOf({ hold: bounds }))).toEqual(pair)
  })

  it.each([
    {
      what: 'not seen by the controller yet',
      status: { observedGeneration: 1, replicas: 3, updatedReplicas: 3 },
      is: true,
    },
    { what: 'new pods missing', status: { observedGeneration: 2, replicas: 3, updatedReplicas: 1 }, is: true },
    { what: 'old pods left', status: { observedGeneration: 2, replicas: 4, updatedReplicas: 3 }, is: true },
    { what: 'whole', status: { observedGeneration: 2, replicas: 3, updatedReplicas: 3 }, is: false },
    { what: 'without a status', status: undefined, is: true },
  ])('rolls by itself: $what', ({ status, is }) => {
    const live = deploymentOf()
    delete live.status
    expect(isRolling(status === undefined ? live : { ...live, status })).toBe(is)
  })

  it('does not roll while it is held or locked', () => {
    expect(isRolling(deploymentOf({ locked: true, unseen: true }))).toBe(false)
    expect(isRolling(deploymentOf({ hold: { maxSurge: 1, maxUnavailable: 0 }, unseen: true }))).toBe(false)
  })

  it('carries both sets of values where the cluster alone must be enough', () => {
    const view = viewOf({ versions: { nextFields: { ...FIELDS, maxSurge: 2 } } })
    expect(JSON.parse(originalsOf(view))).toEqual({ rollout: 7, stable: FIELDS, release: { ...FIELDS, maxSurge: 2 } })
    expect(ORIGINALS).toBe('headgate.dev/originals')
  })
})

describe('somebody else', () => {
  it('is found by a template of neither version, and named', () => {
    const managers = [
      { manager: 'headgate-rollout', time: '2026-01-03T00:00:00Z' },
      { manager: 'kube-controller-manager', time: '2026-01-04T00:00:00Z', subresource: 'status' },
      { manager: 'kubectl-client-side-apply', time: '2026-01-01T00:00:00Z' },
      { manager: 'kubectl-set', time: '2026-01-02T00:00:00Z' },
    ]
    const view = viewOf({ template: template('web:9'), managers })
    expect(templateDrift(view)).toEqual({
      kind: 'drift',
      object: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop' },
      text: 'its template was changed by kubectl-set (now web:9)',
    })
  })

  it.each([{ template: 'old' as const }, { template: 'new' as const }, { gone: true }])(
    'is not there for %j',
    (spec) => {
      expect(templateDrift(viewOf(spec))).toBeUndefined()
    },
  )

  it('is called somebody when nothing tells, and a template without a container shows no image', () => {
    expect(lastWriter(deploymentOf({ managers: [{ manager: 'headgate', time: '' }] }))).toBe('somebody')
    expect(lastWriter(deploymentOf())).toBe('somebody')
    const empty = { spec: { containers: [] } }
    expect(templateDrift(viewOf({ template: empty }))).toMatchObject({ text: expect.stringContaining('now no image') })
  })
})
