import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  boundsOf,
  nextPair,
  type Pair,
  pairFor,
  pairOf,
  pairsFor,
  surgeOneShort,
  targetPair,
} from '../../src/strategies/pods.ts'
import { resolveIntOrPercent } from '../../src/manifests/workload.ts'

const replicas = fc.integer({ min: 1, max: 300 })
const percent = fc.integer({ min: 1, max: 100 })
const pairWithin = replicas.chain((total) =>
  fc.record({ total: fc.constant(total), stable: fc.nat(total), canary: fc.nat(total) }),
)

describe('pod arithmetic', () => {
  it('leaves no side empty below 100 percent, and is exact to half a pod where it may', () => {
    fc.assert(
      fc.property(replicas, percent, (total, weight) => {
        const [stable, canary] = pairFor(total, weight)
        fc.pre(weight < 100 && total > 1)
        expect(Math.min(stable, canary)).toBeGreaterThanOrEqual(1)
        expect(stable + canary).toBe(total)
        const exact = (total * weight) / 100
        const nearest = Math.min(Math.max(exact, 1), total - 1)
        expect(Math.abs(canary - nearest)).toBeLessThanOrEqual(0.5)
      }),
    )
  })

  it('gives rising weights rising canaries and falling stables', () => {
    fc.assert(
      fc.property(replicas, fc.array(percent, { minLength: 1, maxLength: 8 }), (total, weights) => {
        const pairs = pairsFor(
          total,
          weights.toSorted((a, b) => a - b),
        )
        for (const [index, [stable, canary]] of pairs.entries()) {
          const [before, less] = pairs[index - 1] ?? [total, 0]
          expect(stable).toBeLessThanOrEqual(before)
          expect(canary).toBeGreaterThanOrEqual(less)
        }
      }),
    )
  })

  it('never asks for a canary less or a stable pod more than there is, and for at least all replicas', () => {
    fc.assert(
      fc.property(pairWithin, percent, ({ total, stable, canary }, weight) => {
        const target = targetPair(total, weight, [stable, canary])
        expect(target[0]).toBeLessThanOrEqual(stable)
        expect(target[1]).toBeGreaterThanOrEqual(Math.min(canary, total))
        expect(target[0] + target[1]).toBeGreaterThanOrEqual(total)
        expect(target[1]).toBeLessThanOrEqual(total)
      }),
    )
  })

  it.each(['keep', 'replace'] as const)(
    'comes to its target in bounded moves that keep the bounds (%s)',
    (capacity) => {
      fc.assert(
        fc.property(replicas, percent, percent, fc.integer({ min: 1, max: 40 }), (total, from, to, batch) => {
          const options = { replicas: total, batch, capacity }
          let at: Pair = [total, 0]
          for (const weight of [Math.min(from, to), Math.max(from, to)]) {
            const target = targetPair(total, weight, at)
            for (let moves = 0; ; moves++) {
              expect(moves).toBeLessThanOrEqual(2 * total + 2)
              const next = nextPair(at, target, options)
              if (next === undefined) break
              const sum = next[0] + next[1]
              expect(sum).toBeGreaterThanOrEqual(total)
              expect(sum).toBeLessThanOrEqual(capacity === 'replace' && total > 1 ? total : total + batch)
              expect(next[0]).toBeLessThanOrEqual(at[0])
              expect(next[1]).toBeGreaterThanOrEqual(at[1])
              if (capacity === 'keep') expect(next[0] !== at[0] && next[1] !== at[1]).toBe(false)
              expect(Math.max(at[0] - next[0], next[1] - at[1])).toBeLessThanOrEqual(batch)
              at = next
            }
            expect(at).toEqual(target)
          }
        }),
      )
    },
  )

  it('has fields for every pair that a hold may have, and reads the pair back from them', () => {
    fc.assert(
      fc.property(pairWithin, ({ total, stable, canary }) => {
        fc.pre(stable + canary >= total)
        const bounds = boundsOf([stable, canary], total)
        expect(bounds.maxSurge + bounds.maxUnavailable).toBe(canary)
        expect(total - bounds.maxUnavailable).toBe(stable)
        expect(pairOf(bounds, total)).toEqual([stable, canary])
      }),
    )
  })

  it('has a surge in percent that leaves the new side short, by one pod up to a hundred replicas', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5_000 }), (total) => {
        const made = resolveIntOrPercent(surgeOneShort(total), total, 'up')
        expect(made).toBeLessThan(total)
        expect(made).toBeGreaterThanOrEqual(total <= 100 ? total - 1 : Math.floor(total * 0.98))
      }),
    )
  })
})
