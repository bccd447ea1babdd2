import * as v from 'valibot'
import { ROUTERS } from '../routers/router.ts'
import { STRATEGIES } from '../strategies/step.ts'
import { hint } from './problems.ts'

/**
 * The config file as people write it. The same schema checks it and becomes the JSON Schema for editors, so what an editor
 * underlines and what Headgate refuses are one.
 */

const shown = (value: unknown): string =>
  typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing')

const text = (describe: string) =>
  v.pipe(
    v.string(({ input }) => `must be text, not ${shown(input)}`),
    v.nonEmpty('must not be empty'),
    v.description(describe),
  )

const choice = <const T extends readonly [string, ...string[]]>(values: T, describe: string) =>
  v.pipe(
    v.picklist(values, ({ input }) =>
      typeof input === 'string'
        ? `unknown value "${input}"; ${hint(input, values)}`
        : `must be one of ${values.join(', ')}`,
    ),
    v.description(describe),
  )

const pattern = (regex: RegExp, wanted: string, describe: string) =>
  v.pipe(
    v.string(({ input }) => `must be ${wanted}, not ${shown(input)}`),
    v.regex(regex, ({ input }) => `must be ${wanted}, not ${shown(input)}`),
    v.description(describe),
  )

const flag = (describe: string) =>
  v.pipe(
    v.boolean(({ input }) => `must be true or false, not ${shown(input)}`),
    v.description(describe),
  )

const whole = (least: number, most: number, describe: string) => {
  const wanted = `must be a whole number from ${least} to ${most}`
  return v.pipe(
    v.number(wanted),
    v.integer(wanted),
    v.minValue(least, wanted),
    v.maxValue(most, wanted),
    v.description(describe),
  )
}

const duration = (describe: string) =>
  pattern(/^\d{1,6}[smh]$/, 'a duration such as 30s, 10m or 1h', `${describe} Integer and s, m or h.`)

const list = (describe: string) =>
  v.pipe(
    v.union([text('One per line.'), v.array(text('One entry.'))], 'must be a list of texts'),
    v.description(describe),
  )

/** A mapping that knows its keys. Valibot names an unknown key with `expected: never`, a missing one with its name. */
const section = <T extends v.ObjectEntries>(entries: T) =>
  v.strictObject(entries, ({ input, expected }) => {
    if (expected === 'never') return `unknown key ${shown(input)}; ${hint(String(input), Object.keys(entries))}`
    return expected?.startsWith('"') ? 'is missing' : 'must be a mapping'
  })

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/
const name = v.pipe(
  v.string(),
  v.regex(NAME, ({ input }) => `"${input}" is not a name (lower-case letters, digits, "-" and ".")`),
)

const named = <T extends v.GenericSchema>(value: T, describe: string) =>
  v.pipe(v.record(name, value, 'must be a mapping from names'), v.description(describe))

/** `${` must begin a variable; else a typo would be sent as it stands. The value may be secret and is not shown. */
const EXPANDABLE = '(?:[^$]|\\$(?!\\{)|\\$\\{[A-Za-z_][A-Za-z0-9_]*\\})'
const expandable = (regex: RegExp, wanted: string, describe: string) =>
  v.pipe(
    v.string(`must be ${wanted}`),
    v.regex(regex, `must be ${wanted}`),
    v.description(`${describe} \${NAME} is taken from the environment when the check runs.`),
  )

const httpCheck = section({
  path: v.optional(pattern(/^\//, 'a path that begins with /', 'Path asked, default /.')),
  target: v.optional(
    choice(
      ['pods', 'service'],
      'Ask each serving pod of the new version (blue-green: the preview Service), or the Service as users do.',
    ),
  ),
  url: v.optional(
    expandable(
      new RegExp(`^(?=https?://|\\$\\{)${EXPANDABLE}+$`),
      'an address that begins with https:// or http://, its variables written ${NAME}',
      'Ask this address instead of the cluster.',
    ),
  ),
  headers: v.optional(
    v.pipe(
      v.record(
        v.string(),
        expandable(new RegExp(`^${EXPANDABLE}+$`), 'text whose variables are written ${NAME}', 'Value of a header.'),
        'must be a mapping from header names',
      ),
      v.description('Headers sent with every request.'),
    ),
  ),
  port: v.optional(
    v.pipe(
      v.union([whole(1, 65_535, 'Number.'), text('Name.')], 'must be the name or the number of a port'),
      v.description('Port when the pod has several; default: the one that the Service targets.'),
    ),
  ),
  expect: v.optional(
    section({
      status: v.optional(whole(100, 599, 'Status of the answer, default 200.')),
      body: v.optional(text('Text that the answer must contain.')),
    }),
  ),
  timeout: v.optional(duration('Longest time for one request, default 5s.')),
  times: v.optional(whole(1, 1_000, 'How often in a row it must pass, default 1.')),
})

/** What a request may be matched by: names of headers and cookies, and literal values. Source: RFC 9110 tokens. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const LITERAL = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/
const literal = (describe: string) =>
  pattern(LITERAL, 'text of printable ASCII, taken literally; a number is written in quotes', describe)

const matched = (what: string) =>
  v.pipe(
    v.record(
      v.pipe(
        v.string(),
        v.regex(TOKEN, ({ input }) => `"${input}" is not a name of a ${what}`),
      ),
      v.union(
        [literal('The value.'), v.pipe(v.array(literal('One of the values.')), v.minLength(1, 'must not be empty'))],
        'must be text or a list of texts, taken literally; a number is written in quotes',
      ),
      `must be a mapping from names of a ${what}`,
    ),
    v.description(`Values by the name of a ${what}; a list means any of them.`),
  )

const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/
const language = pattern(LANGUAGE, 'a language such as de or de-CH', 'Language that the browser prefers.')

const match = section({
  header: v.optional(matched('header')),
  cookie: v.optional(matched('cookie')),
  query: v.optional(matched('query')),
  language: v.optional(v.union([language, v.array(language)], 'must be a language such as de or de-CH, or a list')),
  port: v.optional(whole(1, 65_535, 'Port that was asked; meshes.')),
  source: v.optional(
    v.pipe(
      v.record(v.string(), v.string(), 'must be a mapping of labels'),
      v.description('Labels of the pod that asks; meshes.'),
    ),
  ),
})

const token = (what: string, describe: string) => pattern(TOKEN, `the name of a ${what}`, describe)

const sticky = section({
  cookie: v.optional(
    token(
      'cookie',
      'Cookie with an id of lower-case hex digits and hyphens whose last two are random, such as a UUID.',
    ),
  ),
  header: v.optional(token('header', 'Header with such an id.')),
  router: v.optional(token('cookie', "Name of the router's own cookie; Traefik.")),
})

const WEIGHT_PATH = /^[A-Za-z_][\w-]*(\[\d+\]|\.[A-Za-z_][\w-]*)*$/
const weightPath = (describe: string) =>
  pattern(WEIGHT_PATH, 'a path such as spec.http[0].backends[1].weight', describe)

const keepVersions = section({
  count: v.optional(whole(1, 3, 'How many older versions, default 1.')),
  for: duration('How long; the next run after that takes one away.'),
  replicas: v.optional(whole(1, 100, 'Pods of each, default 1.')),
  header: v.optional(token('header', 'Header that carries the id, e.g. x-deployment-id.')),
  query: v.optional(token('query', 'Query that carries the id, e.g. dpl.')),
  cookie: v.optional(token('cookie', 'Cookie that carries the id.')),
  env: v.optional(
    pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable', 'Environment variable that tells the pods their id.'),
  ),
})

const traffic = section({
  router: v.optional(choice(['auto', 'none', ...ROUTERS], 'Which router parts the requests; default auto.')),
  routes: v.optional(
    v.pipe(
      v.array(pattern(/^[A-Z]\w*\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'Kind/name, such as HTTPRoute/web', 'One route.')),
      v.description('Routes that are meant; default: all that lead to the Services.'),
    ),
  ),
  match: v.optional(
    v.pipe(
      v.union([match, v.array(match)], 'must be a mapping, or a list of mappings'),
      v.description('Who is on the new version whatever the weight.'),
    ),
  ),
  sticky: v.optional(sticky),
  pods: v.optional(choice(['share', 'full'], 'New pods as the weight asks, or a full set from the first step.')),
  'on-drift': v.optional(choice(['stop', 'reassert'], 'When somebody else writes the route: end, or write it again.')),
  settle: v.optional(duration('What a change of the route needs to reach every proxy.')),
  'annotations-prefix': v.optional(
    pattern(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'what annotations begin with, without the /', 'nginx: the prefix.'),
  ),
  weights: v.optional(
    v.array(
      section({
        apiVersion: text('API version of the kind, e.g. apisix.apache.org/v2.'),
        kind: text('Its kind.'),
        name: text('Its name.'),
        stable: weightPath('Path of the weight of the version that serves.'),
        canary: weightPath('Path of the weight of the new version.'),
        total: v.optional(whole(1, 1_000_000, 'What both sum up to, default 100.')),
      }),
      'must be a list of routes with the paths of their weights',
    ),
  ),
  'keep-versions': v.optional(keepVersions),
})

export const CONFIG_SCHEMA = section({
  app: v.optional(text('Name of what is delivered as one: a DNS label of at most 40 characters.')),
  namespace: v.optional(text('Namespace for objects that name none, and the home of record and lease.')),
  manifests: v.optional(list('Files, directories and globs below the workspace.')),
  images: v.optional(list('repository:tag, repository@digest or repository=reference.')),
  strategy: v.optional(choice(STRATEGIES, 'How the release comes in.')),
  pods: v.optional(choice(['in-place', 'separate'], 'Hold the Deployment in place, or a second one beside it.')),
  steps: v.optional(
    v.pipe(
      v.union([v.string(), v.array(text('One step.'))], 'must be a list of steps, such as [25%, wait 1m]'),
      v.description('N%, wait D, check NAME, job NAME, approve, switch.'),
    ),
  ),
  workloads: v.optional(
    named(
      section({ strategy: choice(['plain'], 'plain: applied and awaited, without steps.') }),
      'Strategy of one workload, by the name of its Deployment, where it differs.',
    ),
  ),
  capacity: v.optional(
    choice(['keep', 'replace'], 'Canary: new pods first, or no more pods than replicas where there is no room.'),
  ),
  checks: v.optional(named(section({ http: httpCheck }), 'Checks that steps ask, by name.')),
  traffic: v.optional(traffic),
  accept: v.optional(list('Ids of findings that are accepted.')),
  'take-over': v.optional(list('Field managers whose fields may be taken over.')),
  timeout: v.optional(duration('Longest time for one step, waits not counted.')),
  'on-failure': v.optional(choice(['abort', 'stop'], 'After a failure go back to stable, or stop there.')),
  'on-cancel': v.optional(choice(['abort', 'stop'], 'After a cancel go back to stable, or stop there.')),
  'on-failed-job': v.optional(
    choice(['stop', 'old'], 'Recreate: after a failed Job stop there, or bring the old version up.'),
  ),
  supersede: v.optional(
    choice(['newer', 'refuse', 'any'], 'Which rollout under way another release may take the place of.'),
  ),
  prune: v.optional(flag('After success delete objects that the last release had and this one lacks.')),
  environment: v.optional(text('GitHub environment, for people.')),
  'environment-url': v.optional(text('Address of what was deployed.')),
})

export type ConfigValues = v.InferOutput<typeof CONFIG_SCHEMA>
export type ConfigKey = keyof ConfigValues
