import type { RolloutRecord } from '../rollout/record.ts'
import { rests } from './status.ts'
import { shellWord } from './text.ts'

/**
 * Commands for a person who has kubectl and not Headgate: they bring a resting rollout back to the version before.
 * Empty when nothing rests. `byHand` is the engine's own text for an in-place hold, whose old template only the engine
 * knows; without it the commands are derived where the record is enough.
 */
export function byHandOf(record: RolloutRecord, byHand?: string): string {
  if (!rests(record)) return ''
  if (byHand !== undefined && byHand.trim() !== '') return byHand.trim()
  const lines = record.pods === 'separate' ? selectorsBack(record) : record.strategy === 'rolling' ? undo(record) : []
  return lines.join('\n')
}

/** The Services as they were, then the new set without pods: in this order, because the old set serves already. */
function selectorsBack(record: RolloutRecord): string[] {
  const services = record.services.map(({ namespace, name, selector }) => {
    // A merge would leave the colour in where the old selector had none.
    const patch = shellWord(JSON.stringify([{ op: 'replace', path: '/spec/selector', value: selector }]))
    return `kubectl -n ${shellWord(namespace)} patch service ${shellWord(name)} --type json -p ${patch}`
  })
  const sets = record.workloads.flatMap(({ namespace, newName, stableName }) =>
    newName === undefined || newName === stableName
      ? []
      : [`kubectl -n ${shellWord(namespace)} scale deployment ${shellWord(newName)} --replicas 0`],
  )
  return [...services, ...sets]
}

/** kubectl refuses to undo a Deployment that is paused, so it is resumed first. */
function undo(record: RolloutRecord): string[] {
  return record.workloads
    .filter((workload) => workload.mode === 'steps')
    .map(({ namespace, name }) => {
      const target = `-n ${shellWord(namespace)} deployment/${shellWord(name)}`
      return `kubectl rollout resume ${target}; kubectl rollout undo ${target}`
    })
}
