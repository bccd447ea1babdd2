import type { Limits } from './spec.ts'

/** What is wrong with a value, as the rest of a sentence; undefined when it is within its limits. Pure. */
export function beyond(value: unknown, { min, max, equals }: Limits): string | undefined {
  if (equals !== undefined)
    return value === equals ? undefined : `is ${JSON.stringify(value)}, expected ${JSON.stringify(equals)}`
  if (typeof value !== 'number') return undefined
  if (min !== undefined && value < min) return `is ${numberText(value)}, less than ${numberText(min)}`
  if (max !== undefined && value > max) return `is ${numberText(value)}, more than ${numberText(max)}`
  return undefined
}

/** Six digits are enough for people, and no `0.30000000000000004`. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(6)))
}

export function limitsText({ min, max, equals }: Limits): string {
  if (equals !== undefined) return `equals ${JSON.stringify(equals)}`
  const parts = [
    ...(min === undefined ? [] : [`at least ${numberText(min)}`]),
    ...(max === undefined ? [] : [`at most ${numberText(max)}`]),
  ]
  return parts.join(' and ')
}
