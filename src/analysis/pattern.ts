/**
 * Regular expressions of label matchers. Only the whole of a text matches, as in Prometheus; what its engine (RE2) does not
 * know is refused here too, so that a selector means the same wherever it is asked.
 */

export type Pattern = (text: string) => boolean

export type Compiled = { kind: 'pattern'; matches: Pattern } | { kind: 'wrong'; text: string }

const MOST_CHARACTERS = 500
const NOT_IN_RE2: [RegExp, string][] = [
  [/\(\?<?[=!]/, 'it looks around, which Prometheus does not'],
  [/\\[1-9]/, 'it refers back to a group, which Prometheus does not'],
]

export function compilePattern(source: string): Compiled {
  if (source.length > MOST_CHARACTERS) return { kind: 'wrong', text: `it is longer than ${MOST_CHARACTERS} characters` }
  const foreign = NOT_IN_RE2.find(([pattern]) => pattern.test(source))
  if (foreign !== undefined) return { kind: 'wrong', text: foreign[1] }
  try {
    const whole = new RegExp(`^(?:${source.replaceAll('(?P<', '(?<')})$`, 's')
    return { kind: 'pattern', matches: (text) => whole.test(text) }
  } catch (error) {
    return { kind: 'wrong', text: error instanceof Error ? error.message : String(error) }
  }
}
