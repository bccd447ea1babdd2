import type { RolloutRecord } from '../rollout/record.ts'
import { rests } from './status.ts'
import { cleanLines } from './text.ts'

/**
 * The way back for a person who has kubectl and not Headgate, line by line. Only the engine knows the old template, so
 * it supplies the text; it is shown only while the rollout rests, or its run ended early, because under a living run it would
 * be undone again.
 */
export function byHandOf(record: RolloutRecord, byHand: string | undefined, cutShort = false): string[] {
  if (!(rests(record) || cutShort) || byHand === undefined || byHand.trim() === '') return []
  // A cut command would be a wrong one.
  return cleanLines(byHand.trim(), Infinity)
}
