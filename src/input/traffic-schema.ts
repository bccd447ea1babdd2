import * as v from 'valibot'
import { ROUTERS } from '../routers/router.ts'
import { choice, duration, pattern, section, shown, text, whole } from './schema-parts.ts'

/** What a request may be matched by: names of headers and cookies, and literal values. Source: RFC 9110 tokens. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Printable ASCII without spaces around it. What looks like a pattern is refused: taken literally it matches nobody. */
const LITERAL = /^(?!\^)(?!.*\.[*+])[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
/** Of those, what may stand in a cookie. Source: RFC 6265, cookie-octet. */
const COOKIE_VALUE = /^(?!\^)(?!.*\.[*+])[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/
const QUOTED = 'a number, yes and no are written in quotes'

function literalProblem(input: string, regex: RegExp): string {
  if (input === '') return 'must not be empty'
  if (/^\^|\.[*+]/.test(input))
    return `is taken literally, and "${input}" looks like a pattern; write the value itself, or a list of values`
  const wanted = regex === COOKIE_VALUE ? 'as a cookie holds it: no space " , ; \\' : 'without spaces around it'
  return `must be printable ASCII ${wanted}, not ${shown(input)}`
}

const literal = (regex: RegExp, describe: string) =>
  v.pipe(
    v.string(({ input }) => `must be text, not ${shown(input)}; ${QUOTED}`),
    v.regex(regex, ({ input }) => literalProblem(input, regex)),
    v.description(describe),
  )

const matched = (what: string, regex = LITERAL) =>
  v.pipe(
    v.record(
      v.pipe(
        v.string(),
        v.regex(TOKEN, ({ input }) => `"${input}" is not a name of a ${what}`),
      ),
      v.union(
        [
          literal(regex, 'The value.'),
          v.pipe(v.array(literal(regex, 'One of the values.')), v.minLength(1, 'must not be empty')),
        ],
        `must be text or a list of texts, taken literally; ${QUOTED}`,
      ),
      `must be a mapping from names of a ${what}`,
    ),
    v.minEntries(1, 'must not be empty'),
    v.description(`Values by the name of a ${what}; a list means any of them.`),
  )

/** Source: the syntax of labels of Kubernetes. */
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/
const podLabels = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(LABEL_KEY, ({ input }) => `"${input}" is not the name of a label`),
    ),
    v.pipe(
      v.string(({ input }) => `must be text, not ${shown(input)}; ${QUOTED}`),
      v.regex(LABEL_VALUE, ({ input }) => `must be the value of a label, not "${input}"`),
    ),
    'must be a mapping of labels',
  ),
  v.minEntries(1, 'must not be empty'),
  v.description('Labels of the pod that asks; meshes.'),
)

const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/
const language = pattern(LANGUAGE, 'a language such as de or de-CH', 'Language that the browser prefers.')

const match = section(
  {
    header: v.optional(matched('header')),
    cookie: v.optional(matched('cookie', COOKIE_VALUE)),
    query: v.optional(matched('query parameter')),
    language: v.optional(
      v.union(
        [language, v.pipe(v.array(language), v.minLength(1, 'must not be empty'))],
        'must be a language such as de or de-CH, or a list',
      ),
    ),
    port: v.optional(whole(1, 65_535, 'Port that was asked; meshes.')),
    source: v.optional(podLabels),
  },
  new Map([['user', 'a user is matched by a header or a cookie']]),
)

const token = (what: string, describe: string) => pattern(TOKEN, `the name of a ${what}`, describe)

const sticky = section(
  {
    cookie: v.optional(
      token(
        'cookie',
        'Cookie with an id of lower-case hex digits and hyphens whose last two are random, such as a UUID.',
      ),
    ),
    header: v.optional(token('header', 'Header with such an id.')),
    router: v.optional(token('cookie', "Name of the router's own cookie; Traefik.")),
  },
  new Map([['user', 'a user is known by a cookie or a header']]),
)

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

/** The key `traffic`. */
export const TRAFFIC_SCHEMA = section({
  router: v.optional(choice(['auto', 'none', ...ROUTERS], 'Which router parts the requests; default auto.')),
  routes: v.optional(
    v.pipe(
      v.array(
        pattern(/^[A-Z]\w*\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'Kind/name, such as HTTPRoute/web', 'One route.'),
        'must be a list, such as [HTTPRoute/web]',
      ),
      v.description('Routes that are meant; default: all that lead to the Services.'),
    ),
  ),
  match: v.optional(
    v.pipe(
      // The list first: what is wrong in one of its mappings would else be told as an unknown key "0".
      v.union([v.array(match), match], 'must be a mapping, or a list of mappings'),
      v.description('Who is on the new version whatever the weight.'),
    ),
  ),
  sticky: v.optional(sticky),
  pods: v.optional(choice(['share', 'full'], 'New pods as the weight asks, or a full set from the first step.')),
  'on-drift': v.optional(choice(['stop', 'reassert'], 'When somebody else writes the route: end, or write it again.')),
  settle: v.optional(duration('What a change of the route needs to reach every proxy.')),
  'annotations-prefix': v.optional(
    pattern(
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
      'the DNS name that annotations begin with, such as nginx.ingress.kubernetes.io',
      'nginx: what its annotations begin with.',
    ),
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
