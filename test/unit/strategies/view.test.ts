import { describe, expect, it } from 'vitest'
import { stepText } from '../../../src/strategies/step.ts'
import { observed, otherPods, pairNow, replicaSetOf, replicasOf, sideOf } from '../../../src/strategies/view.ts'
import { wait } from '../../../src/strategies/move.ts'
import { deploymentOf, FIELDS, NEW, OLD, replicaSet, viewOf } from './views.ts'

describe('the sides of a workload', () => {
  it('are told apart by the template of their ReplicaSet, and counted by pods', () => {
    const view = viewOf({ old: { wanted: 2, ready: 1 }, next: { wanted: 1, terminating: 2 }, others: 1 })
    expect(sideOf(view, 'stable')).toMatchObject({ hash: 'old1', wanted: 2, serving: 1 })
    const next = sideOf(view, 'next')
    expect([next.serving, next.pods.length, next.terminating.length]).toEqual([1, 1, 2])
    expect(otherPods(view).map(({ metadata }) => metadata.name)).toEqual(['web-xyz9-0'])
    expect(pairNow(view)).toEqual([2, 1])
  })

  it('have nothing without a ReplicaSet, not even pods without a hash', () => {
    const view = viewOf()
    const [pod] = view.pods
    if (pod !== undefined) delete pod.metadata.labels
    expect(sideOf(view, 'next')).toMatchObject({
      hash: undefined,
      replicaSet: undefined,
      wanted: 0,
      serving: 0,
      pods: [],
    })
  })

  it('serve as long as each version’s own manifest asks', () => {
    const versions = { nextFields: { ...FIELDS, minReadySeconds: 10 } }
    const view = viewOf({ versions, old: { wanted: 1, readyFor: 9 }, next: { wanted: 1, readyFor: 9 } })
    expect([sideOf(view, 'stable').serving, sideOf(view, 'next').serving]).toEqual([1, 0])
  })

  it('are of the newest ReplicaSet where a collision left several', () => {
    const sets = [
      replicaSet('a', OLD, { wanted: 1 }, '3'),
      replicaSet('b', OLD, { wanted: 1 }, '12'),
      replicaSet('c', OLD, { wanted: 1 }),
      replicaSet('d', NEW, { wanted: 1 }, '99'),
    ]
    expect(replicaSetOf(sets, OLD)?.metadata.name).toBe('web-b')
    expect(replicaSetOf([], OLD)).toBeUndefined()
    const bare = replicaSet('e', OLD, { wanted: 1 })
    delete bare.spec.replicas
    delete bare.metadata.labels
    expect(sideOf({ ...viewOf(), replicaSets: [bare] }, 'stable')).toMatchObject({ hash: undefined, wanted: 0 })
  })
})

describe('a Deployment', () => {
  it('has one replica unless it says otherwise', () => {
    const live = deploymentOf({ replicas: 4 })
    expect(replicasOf(live)).toBe(4)
    delete live.spec.replicas
    expect(replicasOf(live)).toBe(1)
  })

  it('has been seen when its status says so', () => {
    const bare = deploymentOf()
    delete bare.status
    expect([observed(deploymentOf()), observed(deploymentOf({ unseen: true })), observed(bare)]).toEqual([
      true,
      false,
      false,
    ])
    delete bare.metadata.generation
    expect(observed(bare)).toBe(true)
  })
})

describe('texts', () => {
  it.each([
    { step: { kind: 'weight' as const, percent: 25 }, text: '25%' },
    { step: { kind: 'wait' as const, ms: 120_000 }, text: 'wait 2m' },
    { step: { kind: 'check' as const, names: ['home', 'cart'] }, text: 'check home cart' },
    { step: { kind: 'job' as const, names: ['migrate'] }, text: 'job migrate' },
    { step: { kind: 'approve' as const }, text: 'approve' },
    { step: { kind: 'switch' as const }, text: 'switch' },
  ])('a step as people write it: $text', ({ step, text }) => {
    expect(stepText(step)).toBe(text)
  })

  it('a wait with a moment has one, without has none', () => {
    expect(wait('x')).toEqual({ kind: 'wait', text: 'x' })
    expect(wait('x', 5)).toEqual({ kind: 'wait', text: 'x', wakeAt: 5 })
  })
})
