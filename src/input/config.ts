import * as v from 'valibot'
import { type Place, refuse } from '../shared/errors.ts'
import { mapOf } from '../manifests/workload.ts'
import { type Path, readYaml } from '../manifests/yaml.ts'
import { checkProblems } from './check-problems.ts'
import { checkOf } from './checks.ts'
import { CONFIG_SCHEMA, type ConfigValues } from './config-schema.ts'
import type { Check } from '../checks/spec.ts'
import { type Problem, refuseProblems } from './problems.ts'
import { trafficProblems } from './traffic.ts'
import { updateProblems } from './updates.ts'

/** What the config file says, checked; absent keys are absent. */
export interface Config {
  file: string
  values: ConfigValues
  /** with all defaults, `${NAME}` left as written */
  checks: Record<string, Check>
  placeOf(path: Path): Place
  /** where the text of a value begins */
  textPlaceOf(path: Path): Place
}

/**
 * Reads `.github/headgate.yaml`. An empty file is an empty config. Refuses in one message all that is wrong, with line and
 * column; codes: `config`, and `config-yaml`, `-size`, `-binary`, `-aliases` as for manifests.
 */
export function parseConfig(text: string, file: string): Config {
  const [document, second] = readYaml(text, file, 'config')
  if (second !== undefined)
    throw refuse('config', 'a config file is one YAML document', { place: { file, line: second.line } })
  const placeOf = document?.placeOf ?? ((): Place => ({ file }))
  const textPlaceOf = document?.textPlaceOf ?? placeOf
  const value = document?.value ?? {}
  if (mapOf(value) === undefined)
    throw refuse('config', 'a config file is a mapping of keys', { place: { file, line: document?.line ?? 1 } })
  const result = v.safeParse(CONFIG_SCHEMA, value)
  if (!result.success) throw refuseProblems('config', inOrder(result.issues.map((issue) => problemOf(issue, placeOf))))
  const lists = listsForMappings(value, result.output, [])
  if (lists.length > 0)
    throw refuseProblems(
      'config',
      lists.map((path) => ({ message: `${path.join('.')}: must be a mapping`, place: placeOf(path) })),
    )
  const problems = Object.entries(result.output.checks ?? {}).flatMap(([name, values]) =>
    checkProblems(values).map(({ path, message }) => ({
      message: `${['checks', name, ...path].join('.')}: ${message}`,
      place: placeOf(['checks', name, ...path]),
    })),
  )
  const traffic = trafficProblems(result.output.traffic ?? {}).map(({ path, message }) => ({
    message: `${['traffic', ...path].join('.')}: ${message}`,
    place: placeOf(['traffic', ...path]),
  }))
  const updates = updateProblems(result.output['update-checker']).map(({ path, message }) => ({
    message: `${['update-checker', ...path].join('.')}: ${message}`,
    place: placeOf(['update-checker', ...path]),
  }))
  const all = inOrder([...problems, ...traffic, ...updates])
  if (all.length > 0) throw refuseProblems('config', all)
  return { file, values: result.output, checks: checksOf(result.output), placeOf, textPlaceOf }
}

function problemOf(issue: v.BaseIssue<unknown>, placeOf: (path: Path) => Place): Problem {
  const deepest = deepestOf(issue)
  const path = (deepest.path ?? []).flatMap(({ key }) =>
    typeof key === 'string' || typeof key === 'number' ? [key] : [],
  )
  // The key that is unknown stands in the message already, the mapping that holds it does not.
  const unknown = deepest.type === 'strict_object' && deepest.expected === 'never'
  const name = (unknown ? path.slice(0, -1) : path).join('.')
  return { message: name === '' ? deepest.message : `${name}: ${deepest.message}`, place: placeOf(path) }
}

function inOrder(problems: Problem[]): Problem[] {
  const at = ({ place }: Problem): number => (place?.line ?? 0) * 10_000 + (place?.column ?? 0)
  return problems.sort((a, b) => at(a) - at(b))
}

/** Of a union, and of one inside it, the branch that came nearest: the one that found fault deeper inside the value. */
function deepestOf(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown> {
  const found = (issue.issues ?? []).find(({ path }) => path !== undefined)
  if (found === undefined) return issue
  const inner = deepestOf(found)
  return { ...inner, path: [...(issue.path ?? []), ...(inner.path ?? [])] as v.BaseIssue<unknown>['path'] }
}

/** Paths where a list stands for a mapping: Valibot takes every object, and makes an empty mapping of an empty list. */
function listsForMappings(given: unknown, taken: unknown, path: string[]): string[][] {
  if (Array.isArray(given)) return Array.isArray(taken) ? [] : [path]
  if (typeof given !== 'object' || given === null || typeof taken !== 'object' || taken === null) return []
  return Object.entries(given).flatMap(([key, item]) => listsForMappings(item, Reflect.get(taken, key), [...path, key]))
}

function checksOf({ checks = {} }: ConfigValues): Record<string, Check> {
  return Object.fromEntries(Object.entries(checks).map(([name, values]) => [name, checkOf(name, values)]))
}
