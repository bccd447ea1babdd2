import { hint, type Problem, refuseProblems } from '../input/problems.ts'
import { isDeployment, isPercent, valueAt } from '../manifests/workload.ts'
import type { Deps } from '../rollout/deps.ts'
import type { Release } from '../rollout/release.ts'
import { type Check, checksAsked, expandedTexts, type WarmUp } from '../checks/spec.ts'
import type { Settings } from '../rollout/settings.ts'
import { type Failure, failureOf, HeadgateError } from '../shared/errors.ts'
import { nameOf, refOf } from '../shared/objects.ts'
import type { Step } from '../strategies/step.ts'

/** Refuses (`config`) a workload of the config file that the manifests do not have: its setting would do nothing. */
export function requireWorkloads({ parts }: Release, { workloads }: Settings): void {
  const names = [...parts.workloads, ...parts.otherWorkloads].map(({ metadata }) => metadata.name ?? '')
  const problems = Object.entries(workloads).flatMap(([name, { place }]): Problem[] => {
    if (names.includes(name)) return []
    const message = `workloads: no workload "${name}" in the manifests; ${hint(name, names)}`
    return [{ message, ...(place === undefined ? {} : { place }) }]
  })
  if (problems.length > 0) throw refuseProblems('config', problems)
}

/** Refuses (`int-or-percent`) a maxSurge or maxUnavailable that means no number of pods, with object and line. */
export function requireCounts({ objects }: Release): void {
  const problems = objects.flatMap(({ object, placeOf }) =>
    ['maxSurge', 'maxUnavailable'].flatMap((field): Problem[] => {
      const path = ['spec', 'strategy', 'rollingUpdate', field]
      const value = isDeployment(object) ? valueAt(object, path) : undefined
      if (typeof value !== 'string' || isPercent(value)) return []
      const message = `${nameOf(refOf(object))}: ${field} "${value}" is neither a whole number nor a percentage such as 25%`
      return [{ message, place: placeOf(path) }]
    }),
  )
  if (problems.length > 0) throw refuseProblems('int-or-percent', problems)
}

/** Steps, and what they ask by. */
interface Asked {
  checks: Record<string, Check>
  warmUp?: WarmUp
  steps: readonly Step[]
}

/** What the environment lacks for the checks of these steps (`variable-unset`), told before the first one needs it. */
export function unsetVariables(
  { expand }: Pick<Deps, 'expand'>,
  { checks, steps, warmUp }: Asked,
): Failure | undefined {
  const warms = steps.some(({ kind }) => kind === 'warm-up')
  const texts = [
    ...checksAsked(steps, checks).flatMap((check) => expandedTexts(check)),
    ...(warms ? Object.values(warmUp?.headers ?? {}) : []),
  ]
  const failures = new Map<string, Failure>()
  for (const text of texts) {
    try {
      expand(text)
    } catch (error) {
      const failure = failureOf(error)
      failures.set(failure.message, failure)
    }
  }
  const [first] = failures.values()
  if (first === undefined) return undefined
  return refuseProblems('variable-unset', [...failures.values()], first.next).failure
}

/** Refuses (`variable-unset`) before anything is touched what a check would refuse in the middle. */
export function requireVariables(deps: Deps, asked: Asked): void {
  const failure = unsetVariables(deps, asked)
  if (failure !== undefined) throw new HeadgateError(failure)
}
