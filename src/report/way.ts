import type { RolloutRecord } from '../rollout/record.ts'

/** The command that goes on from where the rollout rests, with rollout number; empty when nothing is under way. */
export function nextCommand(record: RolloutRecord): string {
  return record.app
}
