import { type HeadgateError, type Place, refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'

/** One thing that is wrong with what the user wrote. */
export interface Problem {
  message: string
  place?: Place
}

/** `k8s/web.yaml:3:7`, the way editors and terminals link it. */
export function placeText({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(':')
}

/** All problems as one refusal, so that a person mends them in one go. There is at least one. */
export function refuseProblems(code: string, problems: readonly Problem[], next?: string): HeadgateError {
  const [first] = problems
  const place = first?.place === undefined ? {} : { place: first.place }
  const more = { ...place, ...(next === undefined ? {} : { next }) }
  if (problems.length === 1) return refuse(code, first?.message ?? '', more)
  const lines = problems.map(
    ({ message, place }) => `- ${place === undefined ? '' : `${placeText(place)}: `}${message}`,
  )
  return refuse(code, [`${problems.length} things are wrong:`, ...lines].join('\n'), more)
}

/** `a, b or c` */
export function oneOf(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

/** `did you mean canary?`, else all that is allowed. */
export function hint(word: string, values: readonly string[]): string {
  const near = nearest(word, values)
  return near === undefined ? `allowed: ${oneOf(values)}` : `did you mean ${near}?`
}
