import type { RolloutRecord } from './record.ts'

/** A command line that goes on with, ends or undoes this very rollout. */
export function goOn(record: RolloutRecord, command: 'promote' | 'abort' | 'deploy' | 'rollback' | 'status'): string {
  const number = command === 'deploy' || command === 'status' ? '' : ` --rollout ${record.rollout}`
  return `headgate ${command} --app ${record.app} --namespace ${record.namespace}${number}`
}

/** What goes on from where a record rests; empty when nothing is under way. */
export function nextCommand(record: RolloutRecord | undefined): string {
  switch (record?.phase) {
    case 'paused':
      return goOn(record, 'promote')
    case 'progressing':
    case 'stopped':
      return goOn(record, 'deploy')
    case 'aborting':
    case 'failed':
      return goOn(record, 'abort')
    case 'aborted':
    case 'succeeded':
    case undefined:
      return ''
  }
}
