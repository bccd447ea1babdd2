import type { Place } from '../shared/errors.ts'
import type { Step, Strategy } from '../strategies/step.ts'

/** Reads steps as written in input or config; refuses (`steps`) with line and column of each wrong one. */
export function parseSteps(
  text: string | readonly string[],
  strategy: Strategy,
  source?: Place | readonly Place[],
  checks?: readonly string[],
): Step[] {
  throw new Error(`not yet ${text.length} ${strategy} ${source} ${checks}`)
}
