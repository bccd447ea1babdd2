import * as v from 'valibot'
import { hint } from './problems.ts'

/** What the schema of the config file is built of: each says by itself what is wrong with a value, and what it is for. */

export const shown = (value: unknown): string =>
  typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing')

export const text = (describe: string) =>
  v.pipe(
    v.string(({ input }) => `must be text, not ${shown(input)}`),
    v.nonEmpty('must not be empty'),
    v.description(describe),
  )

export const choice = <const T extends readonly [string, ...string[]]>(values: T, describe: string) =>
  v.pipe(
    v.picklist(values, ({ input }) =>
      typeof input === 'string'
        ? `unknown value "${input}"; ${hint(input, values)}`
        : `must be one of ${values.join(', ')}`,
    ),
    v.description(describe),
  )

export const pattern = (regex: RegExp, wanted: string, describe: string) =>
  v.pipe(
    v.string(({ input }) => `must be ${wanted}, not ${shown(input)}`),
    v.regex(regex, ({ input }) => `must be ${wanted}, not ${shown(input)}`),
    v.description(describe),
  )

export const flag = (describe: string) =>
  v.pipe(
    v.boolean(({ input }) => `must be true or false, not ${shown(input)}`),
    v.description(describe),
  )

export const whole = (least: number, most: number, describe: string) => {
  const wanted = `must be a whole number from ${least} to ${most}`
  return v.pipe(
    v.number(wanted),
    v.integer(wanted),
    v.minValue(least, wanted),
    v.maxValue(most, wanted),
    v.description(describe),
  )
}

export const duration = (describe: string) =>
  pattern(/^\d{1,6}[smh]$/, 'a duration such as 30s, 10m or 1h', `${describe} Integer and s, m or h.`)

export const list = (describe: string) =>
  v.pipe(
    v.union([text('One per line.'), v.array(text('One entry.'))], 'must be a list of texts'),
    v.description(describe),
  )

/**
 * A mapping that knows its keys. Valibot names an unknown key with `expected: never`, a missing one with its name.
 * @param others words that people look for here, and what is written in their place
 */
export const section = <T extends v.ObjectEntries>(entries: T, others = new Map<string, string>()) =>
  v.strictObject(entries, ({ input, expected }) => {
    const word = String(input)
    if (expected === 'never') return `unknown key "${word}"; ${others.get(word) ?? hint(word, Object.keys(entries))}`
    return expected?.startsWith('"') ? 'is missing' : 'must be a mapping'
  })

/** `${` must begin a variable; else a typo would be sent as it stands. The value may be secret and is not shown. */
const EXPANDABLE = '(?:[^$]|\\$(?!\\{)|\\$\\{[A-Za-z_][A-Za-z0-9_]*\\})'
const expandable = (regex: RegExp, wanted: string, describe: string) =>
  v.pipe(
    v.string(`must be ${wanted}`),
    v.regex(regex, `must be ${wanted}`),
    v.description(`${describe} \${NAME} is taken from the environment when the check runs.`),
  )

export const address = (describe: string) =>
  expandable(
    new RegExp(`^(?=https?://|\\$\\{)${EXPANDABLE}+$`),
    'an address that begins with https:// or http://, its variables written ${NAME}',
    describe,
  )

export const headers = () =>
  v.pipe(
    v.record(
      v.string(),
      expandable(new RegExp(`^${EXPANDABLE}+$`), 'text whose variables are written ${NAME}', 'Value of a header.'),
      'must be a mapping from header names',
    ),
    v.description('Headers sent with every request.'),
  )
