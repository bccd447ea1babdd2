import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSteps } from '../../src/input/steps.ts'
import { failureOf } from '../../src/shared/errors.ts'
import { type Step, STRATEGIES, stepText } from '../../src/strategies/step.ts'

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/)
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 })
const ms = fc
  .tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom(1_000, 60_000, 3_600_000))
  .map(([count, unit]) => count * unit)
const pause: fc.Arbitrary<Step> = fc.oneof(
  ms.map((ms): Step => ({ kind: 'wait', ms })),
  names.map((names): Step => ({ kind: 'check', names })),
  fc.constant<Step>({ kind: 'approve' }),
)
/** Rising weights with pauses behind each, as a canary wants them. */
const canary = fc
  .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 })
  .chain((weights) =>
    fc.tuple(
      ...weights
        .sort((a, b) => a - b)
        .map((percent) =>
          fc.array(pause, { maxLength: 2 }).map((steps): Step[] => [{ kind: 'weight', percent }, ...steps]),
        ),
    ),
  )
  .map((parts) => parts.flat())

describe('steps', () => {
  it('text → steps → text is the same, whatever separates them', () => {
    fc.assert(
      fc.property(canary, fc.constantFrom(',', ', ', '\n', ' ,\n  '), (steps, separator) => {
        const texts = steps.map(stepText)
        expect(parseSteps(texts.join(separator), 'canary')).toEqual(steps)
        expect(parseSteps(texts, 'canary')).toEqual(steps)
      }),
    )
  })

  it('any text is steps that read back, or one refusal', () => {
    const piece = fc.oneof(
      fc.constantFrom('10%', '50%', 'wait 1m', 'approve', 'switch', 'check a', 'job b', 'wait', '%', ',', '\n', 'N%'),
      fc.string({ maxLength: 8 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom(...STRATEGIES), (pieces, strategy) => {
        try {
          const steps = parseSteps(pieces.join(', '), strategy)
          expect(parseSteps(steps.map(stepText), strategy)).toEqual(steps)
        } catch (error) {
          expect(failureOf(error)).toMatchObject({ kind: 'refused', code: 'steps' })
        }
      }),
      { numRuns: 500 },
    )
  })
})
