import { PLAIN } from './nginx-ingress.ts'
import { anyOf, bucketRule, type HeaderRule, headerRule, wholePattern } from './patterns.ts'
import type { Condition, Split } from './router.ts'

/** What canary annotations have room for: one header, which decides first, and one cookie. */
export interface CanaryRule {
  headers: HeaderRule[]
  cookie?: string
}

/** Who is on the new version whatever the weight; of a match the one condition that there can be. */
export function canaryRule({ match, sticky, percent }: Split): CanaryRule {
  const conditions = match.flatMap(([first]) => (first === undefined ? [] : [first]))
  const bucket = sticky?.by === 'bucket' ? bucketRule(sticky, percent) : undefined
  const cookie = conditions.find(isAlways)?.name
  const headers = conditions.flatMap((condition) =>
    isAlways(condition) && condition.name === cookie ? [] : (headerRule(condition) ?? []),
  )
  return {
    headers: bucket === undefined ? headers : [...headers, bucket],
    ...(cookie === undefined ? {} : { cookie }),
  }
}

/** The annotation for cookies knows the values always and never alone. */
function isAlways(condition: Condition): condition is Condition & { kind: 'cookie' } {
  return condition.kind === 'cookie' && condition.values.join() === 'always' && PLAIN.test(condition.name)
}

/** Names of the headers that are asked for, each once. */
export function headerNames({ headers }: CanaryRule): string[] {
  const names = headers.map(({ name }) => name)
  return names.filter((name, at) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) === at)
}

/** Annotations without their prefix. */
export function ruleAnnotations({ headers, cookie }: CanaryRule): Record<string, string> {
  const byCookie = cookie === undefined ? {} : { 'canary-by-cookie': cookie }
  const [first] = headers
  if (first === undefined) return byCookie
  const name = { 'canary-by-header': first.name }
  if (headers.length === 1 && first.exact !== undefined && PLAIN.test(first.exact))
    return { ...name, 'canary-by-header-value': first.exact, ...byCookie }
  const patterns = headers.map(({ exact, pattern = '' }) =>
    exact === undefined ? pattern : wholePattern(anyOf([exact])),
  )
  return { ...name, 'canary-by-header-pattern': patterns.join('|'), ...byCookie }
}
