/** Figures beside their budgets. */
import { readFileSync } from 'node:fs'

export interface Figure {
  /** key in the file of budgets; without one the figure is only told */
  budget?: string
  name: string
  value: number
  unit?: string
  /** what it is compared with, for people */
  beside?: string
}

export interface Skipped {
  name: string
  why: string
}

type Budgets = Record<string, number>

export function readBudgets(file: string): Budgets {
  return JSON.parse(readFileSync(file, 'utf8')) as Budgets
}

/** Prints a figure; the sentence of what grew when it is above its budget. */
export function show(figure: Figure, budgets: Budgets): string | undefined {
  const { name, value, unit = '', beside = '', budget } = figure
  const most = budget === undefined ? undefined : budgets[budget]
  if (budget !== undefined && most === undefined) return `${name}: the file of budgets has no ${budget}`
  const over = most !== undefined && value > most
  const limit = most === undefined ? '' : `${over ? '✗ over' : '✓ of'} ${round(most)}${unit}`
  console.log(`${name.padEnd(44)} ${`${round(value)}${unit}`.padStart(10)}  ${limit.padEnd(14)} ${beside}`.trimEnd())
  return over ? `${name} grew: ${round(value)}${unit}, and the budget ${budget} is ${round(most)}${unit}` : undefined
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 1 ? 3 : value < 10 ? 2 : 0)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
