import { list } from '../report/text.ts'
import { statusOf } from './api.ts'

/**
 * Why GitHub said no, in words that say what to do; never the answer's own text, which may hold anything.
 * @param what what it was asked for, as a noun with its article
 * @param right the permission that is needed
 */
export function reasonOf(error: unknown, what: string, right: string): string {
  const status = statusOf(error)
  switch (status) {
    case undefined:
      return 'GitHub did not answer'
    case 401:
      return 'the token is not valid (any more)'
    case 403:
      return limited(error) ? 'the rate limit is used up' : `the token may not write there; grant ${right}`
    case 404:
      return `${what} was not found, or the token may not see it`
    case 422:
      return 'GitHub refused it'
    case 429:
      return 'the rate limit is used up'
    default:
      return `GitHub answered ${status}`
  }
}

/**
 * The one line for all that could not be written, each cause once; undefined where nothing was in the way.
 * @param troubles what was to be written, and why it was not
 */
export function troubleText(troubles: readonly [what: string, reason: string | undefined][]): string | undefined {
  const causes = Map.groupBy(troubles, ([, reason]) => reason)
  causes.delete(undefined)
  if (causes.size === 0) return undefined
  const parts = [...causes].map(([reason, all]) => `${list(all.map(([what]) => what))} (${reason})`)
  return `Not written to GitHub: ${parts.join('; ')}. The job summary has the same report.`
}

/** Worth another try with the next state: no answer, a limit, trouble on GitHub's side. */
export function mayPass(error: unknown): boolean {
  const status = statusOf(error)
  return status === undefined || status >= 500 || status === 429 || limited(error)
}

function limited(error: unknown): boolean {
  return error instanceof Error && /rate limit|abuse/i.test(error.message)
}
