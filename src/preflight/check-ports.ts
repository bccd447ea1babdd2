import { type Check, checksAsked, type WarmUp } from '../checks/spec.ts'
import type { PodTemplate } from '../shared/objects.ts'
import { list } from '../report/text.ts'
import type { Step, Strategy } from '../strategies/step.ts'
import type { Finding } from './finding.ts'

export interface PortInput {
  strategy: Strategy
  steps: readonly Step[]
  checks: Record<string, Check>
  warmUp: WarmUp
  /** those that go through steps, with what their new pods are made from */
  workloads: readonly { name: string; template: PodTemplate }[]
}

/** check-port: a port that checks ask pods for by a name which the pods do not declare. Pure. */
export function portFindings(input: PortInput): Finding[] {
  return askedPorts(input).flatMap(({ who, key, port }) =>
    input.workloads.flatMap(({ name, template }): Finding[] => {
      const declared = template.spec.containers.flatMap(({ ports = [] }) => ports.flatMap((each) => each.name ?? []))
      if (declared.includes(port)) return []
      const known = declared.length === 0 ? 'name no port' : `name ${list(declared)}`
      return [
        {
          id: 'check-port',
          severity: 'error',
          reason: `${who} asks pods for the port ${port}, and the containers of Deployment/${name} ${known}`,
          mend: `correct ${key}, or give the number of the port`,
        },
      ]
    }),
  )
}

/** Ports that pods are asked for by name; those of Services are looked up by the API server. */
function askedPorts(input: PortInput): { who: string; key: string; port: string }[] {
  const { strategy, steps, checks, warmUp } = input
  const found = checksAsked(steps, checks).flatMap((check) => {
    const who = `check ${check.name}`
    const key = `checks.${check.name}.${check.kind}.port`
    if (check.kind === 'compare') return check.source.kind === 'pods' ? [{ who, key, port: check.source.port }] : []
    if (check.kind !== 'http' && check.kind !== 'version') return []
    // In blue/green it is the preview Service that is asked.
    return check.url === undefined && check.target === 'pods' && strategy !== 'blue-green'
      ? [{ who, key, port: check.port }]
      : []
  })
  const warm = steps.some(({ kind }) => kind === 'warm-up')
    ? [{ who: 'warm-up', key: 'warm-up.port', port: warmUp.port }]
    : []
  return [...found, ...warm].flatMap(({ port, ...each }) =>
    typeof port === 'string' && !/^\d+$/.test(port) ? [{ ...each, port }] : [],
  )
}
