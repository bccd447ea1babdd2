import { parseSelector } from '../analysis/selector.ts'
import { TEMPLATE_WORDS, unknownWords } from '../checks/template.ts'
import { messageOf } from '../shared/errors.ts'
import { CHECK_KINDS, type CheckValues } from './checks-schema.ts'
import { hint } from './problems.ts'

export type Kind = (typeof CHECK_KINDS)[number]
export type Of<K extends Kind> = NonNullable<CheckValues[K]>

/** What contradicts itself in one check: the path below it, and why. */
export interface CheckProblem {
  path: string[]
  message: string
}

export function kindsOf(values: CheckValues): Kind[] {
  return CHECK_KINDS.filter((kind) => values[kind] !== undefined)
}

export function checkProblems(values: CheckValues): CheckProblem[] {
  const kinds = kindsOf(values)
  const [kind, second] = kinds
  if (kind === undefined) return [{ path: [], message: `names nothing to check; one of ${CHECK_KINDS.join(', ')}` }]
  if (second !== undefined)
    return [{ path: [second], message: `${kind} and ${second} are two checks: give each a name of its own` }]
  const inKind = problemsOf(kind, values).map(({ path, message }) => ({ path: [kind, ...path], message }))
  return [...inKind, ...commonProblems(kind, values)]
}

function commonProblems(kind: Kind, values: CheckValues): CheckProblem[] {
  const found: CheckProblem[] = []
  const { throughout, times, failures } = values
  if (kind === 'job' && throughout !== undefined && throughout !== false)
    found.push({
      path: ['throughout'],
      message: 'a job is asked by a step, not throughout: each time would be another Job',
    })
  if (kind === 'compare' && (times !== undefined || failures !== undefined))
    found.push({
      path: [times === undefined ? 'failures' : 'times'],
      message: 'has no meaning for compare, which sums up all that it sees; false-alarms says how sure it must be',
    })
  return found
}

function problemsOf(kind: Kind, values: CheckValues): CheckProblem[] {
  switch (kind) {
    case 'http':
      return [...pageProblems(values.http ?? {}), ...regexProblems(['expect', 'pattern'], values.http?.expect?.pattern)]
    case 'version':
      return [
        ...pageProblems(values.version ?? {}),
        ...placeProblems(values.version ?? {}),
        ...regexProblems(['pattern'], values.version?.pattern),
      ]
    case 'prometheus':
      return [
        ...sourceProblems(values.prometheus ?? {}),
        ...limitProblems(values.prometheus ?? {}),
        ...wordProblems('query', values.prometheus?.query),
      ]
    case 'web':
      return [
        ...limitProblems(values.web ?? {}),
        ...wordProblems('url', values.web?.url),
        ...wordProblems('body', values.web?.body),
      ]
    case 'compare':
      return compareProblems(values.compare ?? {})
    case 'pods':
    case 'job':
    case 'command':
      return []
  }
}

function pageProblems(page: Of<'http'> | Of<'version'>): CheckProblem[] {
  const found =
    page.url === undefined ? [] : (['path', 'target', 'port'] as const).filter((key) => page[key] !== undefined)
  const beside = found.map((key) => ({ path: [key], message: 'has no meaning beside url; leave out one of the two' }))
  const service = page.target === 'service' && typeof page.port === 'string'
  return service ? [...beside, { path: ['port'], message: 'the port of a Service is a number' }] : beside
}

function regexProblems(path: string[], text = ''): CheckProblem[] {
  try {
    ''.match(text)
    return []
  } catch (error) {
    return [{ path, message: `is no regular expression: ${messageOf(error)}` }]
  }
}

function placeProblems(version: Of<'version'>): CheckProblem[] {
  const [, second] = (['json', 'header', 'pattern'] as const).filter((key) => version[key] !== undefined)
  return second === undefined
    ? []
    : [{ path: [second], message: 'the version stands in one place: json, header or pattern' }]
}

function sourceProblems({ url, service }: { url?: string | undefined; service?: string | undefined }): CheckProblem[] {
  if (url === undefined && service === undefined) return [{ path: [], message: 'names no Prometheus: url or service' }]
  return url !== undefined && service !== undefined ? [{ path: ['service'], message: 'url or service, not both' }] : []
}

function limitProblems({ min, max, ...rest }: { min?: number | undefined; max?: number | undefined }): CheckProblem[] {
  const equals = 'equals' in rest && rest.equals !== undefined
  if (min === undefined && max === undefined && !equals)
    return [{ path: [], message: 'has no limit, so nothing could fail: min, max or equals' }]
  if (equals && (min !== undefined || max !== undefined))
    return [{ path: ['equals'], message: 'equals stands without min and max' }]
  return min !== undefined && max !== undefined && min > max
    ? [{ path: ['min'], message: `${min} is more than max, ${max}` }]
    : []
}

function wordProblems(key: string, text = ''): CheckProblem[] {
  return unknownWords(text).map((word) => ({
    path: [key],
    message: `{{${word}}} is no word that is put in; ${hint(word, Object.keys(TEMPLATE_WORDS))}`,
  }))
}

function compareProblems(compare: Of<'compare'>): CheckProblem[] {
  const found = compare.prometheus === undefined ? [] : sourceProblems(compare.prometheus)
  const problems = [
    ...found.map(({ path, message }) => ({ path: ['prometheus', ...path], message })),
    ...selectorProblems(['requests'], compare.requests),
    ...selectorProblems(['errors'], compare.errors === false ? undefined : compare.errors),
    ...selectorProblems(['slow', 'histogram'], compare.slow?.histogram),
  ]
  if (compare.prometheus !== undefined)
    for (const key of ['path', 'port'] as const)
      if (compare[key] !== undefined)
        problems.push({ path: [key], message: 'has no meaning beside prometheus, which scrapes the pods itself' })
  if (compare.errors === false && compare.slow === undefined)
    problems.push({ path: ['errors'], message: 'nothing is left to compare: errors or slow' })
  if (compare.errors === false && compare.most !== undefined)
    problems.push({ path: ['most'], message: 'is a share of errors, and errors are not compared' })
  return problems
}

function selectorProblems(path: string[], text: string | undefined): CheckProblem[] {
  const parsed = text === undefined ? undefined : parseSelector(text)
  return parsed?.kind === 'wrong' ? [{ path, message: `column ${parsed.column}: ${parsed.text}` }] : []
}
