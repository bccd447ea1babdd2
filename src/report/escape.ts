import type { RolloutRecord } from '../rollout/record.ts'

/** Commands that bring a resting rollout back to stable without Headgate; empty when there is nothing to bring back. */
export function byHandOf(record: RolloutRecord, byHand?: string): string {
  return byHand ?? record.app
}
