import * as v from 'valibot'
import { JSON_PATH } from '../shared/json-path.ts'
import { address, choice, flag, headers, pattern, section, text, whole } from './schema-parts.ts'

/** What the config file says under `checks`. */

const path = (describe: string) => pattern(/^\//, 'a path that begins with /', describe)
const jsonPath = (describe: string) => pattern(JSON_PATH, 'a path such as status or data.items[0].value', describe)
const short = (describe: string) => pattern(/^\d{1,6}(ms|s|m|h)$/, 'a duration such as 300ms, 5s or 2m', describe)

const port = v.optional(
  v.pipe(
    v.union([whole(1, 65_535, 'Number.'), text('Name.')], 'must be the name or the number of a port'),
    v.description('Port when the pod has several; default: the first of the container.'),
  ),
)

const page = {
  path: v.optional(path('Path asked.')),
  target: v.optional(
    choice(
      ['pods', 'service'],
      'Ask each serving pod of the new version (blue-green: the preview Service), or the Service as users do.',
    ),
  ),
  url: v.optional(address('Ask this address instead of the cluster.')),
  headers: v.optional(headers()),
  port,
}

/** Words that stood, or might be looked for, inside a kind, and belong beside it. */
const BESIDE = new Map(
  ['times', 'timeout', 'interval', 'failures', 'on-inconclusive', 'throughout'].map((word) => [
    word,
    `${word} belongs to the check: write it beside the kind, one level up`,
  ]),
)

const value = v.union([v.string(), v.number(), v.boolean()], 'must be text, a number, true or false')
const limits = {
  min: v.optional(v.pipe(v.number('must be a number'), v.description('The value must be at least this.'))),
  max: v.optional(v.pipe(v.number('must be a number'), v.description('The value must be at most this.'))),
}

const httpCheck = section(
  {
    ...page,
    expect: v.optional(
      section({
        status: v.optional(whole(100, 599, 'Status of the answer, default 200.')),
        body: v.optional(text('Text that the answer must contain.')),
        pattern: v.optional(text('Regular expression that the body must match.')),
        headers: v.optional(
          v.pipe(
            v.record(v.string(), v.string(), 'must be a mapping from header names'),
            v.description('Headers that the answer must have.'),
          ),
        ),
        json: v.optional(
          v.pipe(
            v.record(jsonPath('Path.'), v.nullable(value), 'must be a mapping from paths'),
            v.description('Values by their paths in a JSON body: { status: ok, data.items[0].id: 7 }.'),
          ),
        ),
        'faster-than': v.optional(short('Longest time to the whole answer. Integer and ms, s, m or h.')),
      }),
    ),
  },
  BESIDE,
)

const versionCheck = section(
  {
    ...page,
    json: v.optional(jsonPath('Path of the version in a JSON body.')),
    header: v.optional(text('Header that names the version.')),
    pattern: v.optional(text('Regular expression; its first group is the version.')),
    expect: v.optional(text('Version expected; default: the tag of the new image.')),
  },
  BESIDE,
)

export const PROMETHEUS = {
  url: v.optional(address('Address of Prometheus.')),
  service: v.optional(
    pattern(
      /^[a-z0-9-]+\/[a-z0-9-]+:\d{1,5}(\/\S*)?$/,
      'a Service as namespace/name:port',
      "A Prometheus inside of the cluster, asked through the API server's proxy: namespace/name:port, with a path where it has a prefix.",
    ),
  ),
  headers: v.optional(headers()),
}

const prometheusCheck = section(
  {
    ...PROMETHEUS,
    query: text('PromQL that answers one number; {{canary}}, {{stable}} and other words are put in.'),
    ...limits,
    'every-series': v.optional(flag('The query may answer several series, and each must be within the limits.')),
  },
  BESIDE,
)

const webCheck = section(
  {
    url: address('Address of a JSON endpoint; {{words}} are put in.'),
    method: v.optional(choice(['GET', 'POST', 'PUT'], 'Default GET.')),
    headers: v.optional(headers()),
    body: v.optional(text('Body of the request; {{words}} are put in.')),
    json: jsonPath('Path of the value in the answer.'),
    ...limits,
    equals: v.optional(v.pipe(value, v.description('The value must be this.'))),
  },
  BESIDE,
)

const podsCheck = section(
  {
    restarts: v.optional(whole(0, 1_000, 'Most restarts of any pod of the new version, default 0.')),
    'ready-within': v.optional(short('Longest time from the creation of a pod to Ready.')),
  },
  BESIDE,
)

const percent = (describe: string) => pattern(/^\d{1,2}(\.\d{1,4})?%$/, 'a percentage such as 1% or 0.5%', describe)

const compareCheck = section(
  {
    prometheus: v.optional(
      section({
        ...PROMETHEUS,
        'pod-label': v.optional(text('Label that names the pod, default pod.')),
      }),
    ),
    path: v.optional(path("Path of the pods' metrics page, default /metrics.")),
    port,
    requests: v.optional(text('Counter of all requests, as a PromQL selector; default http_requests_total.')),
    errors: v.optional(
      v.pipe(
        v.union([text('Counter of failed ones.'), v.literal(false)], 'must be a selector, or false'),
        v.description(
          'Counter of those that failed; default: the requests whose code begins with 5. false: do not compare errors.',
        ),
      ),
    ),
    slow: v.optional(
      section({
        histogram: text('Histogram of durations in seconds, without _bucket; a PromQL selector.'),
        above: v.optional(
          short('What takes longer is slow; default: what 5% of stable take, measured before the start.'),
        ),
      }),
    ),
    tolerate: v.optional(
      v.pipe(
        v.number('must be a number from 1 to 10'),
        v.minValue(1, 'must be a number from 1 to 10'),
        v.maxValue(10, 'must be a number from 1 to 10'),
        v.description('How many times the bad share of stable is no reason to fail, default 1.2.'),
      ),
    ),
    'false-alarms': v.optional(percent('Chance that a healthy release fails over the whole rollout, default 1%.')),
    'at-least': v.optional(
      whole(1, 1_000_000, 'Requests to the new version without which nothing passes, default 300.'),
    ),
    most: v.optional(percent('Share of errors that is bad whatever stable does.')),
    strict: v.optional(
      flag(
        'At its last planned end it must be shown that at most 1 percentage point more fails (slow: 5), default true.',
      ),
    ),
    'warm-up': v.optional(short('Left out after each change of the share, default 30s.')),
  },
  BESIDE,
)

const onInconclusive = choice(
  ['pause', 'extend', 'promote', 'abort'],
  'When it cannot tell: ask a person (default), go on once more and then ask, go on, or go back.',
)

export const WARM_UP_SCHEMA = section({
  path: v.optional(path('Path asked, default /.')),
  headers: v.optional(headers()),
  port,
  rate: v.optional(whole(1, 100, 'Most requests a second to each new pod, default 20; it begins with one.')),
  for: v.optional(short('Longest time, default 2m.')),
  within: v.optional(
    v.pipe(
      v.number('must be a number from 1 to 100'),
      v.minValue(1, 'must be a number from 1 to 100'),
      v.maxValue(100, 'must be a number from 1 to 100'),
      v.description('At most so many times as slow as the old version, default 2.'),
    ),
  ),
  timeout: v.optional(short('Longest time for one request, default 5s.')),
  'on-inconclusive': v.optional(onInconclusive),
})

export const CHECK_SCHEMA = section({
  http: v.optional(httpCheck),
  version: v.optional(versionCheck),
  prometheus: v.optional(prometheusCheck),
  web: v.optional(webCheck),
  pods: v.optional(podsCheck),
  job: v.optional(
    section({ name: text('Name of a Job in the manifests, which is not applied with the rest.') }, BESIDE),
  ),
  command: v.optional(
    section(
      { run: text('Command for the shell of the runner. 0 passes, 75 cannot tell, anything else fails.') },
      BESIDE,
    ),
  ),
  compare: v.optional(compareCheck),
  interval: v.optional(
    short('Time between two measurements; default 1s for http and version as a step, else 10s, compare 15s.'),
  ),
  timeout: v.optional(
    short(
      'Longest time for one measurement; default 5s, prometheus and web 10s, command and job 5m; compare: for a step of it, 10m.',
    ),
  ),
  times: v.optional(whole(1, 1_000, 'How often in a row it must pass as a step, default 1.')),
  failures: v.optional(whole(0, 100, 'Failed measurements in a row that are tolerated, default 0.')),
  'on-inconclusive': v.optional(onInconclusive),
  throughout: v.optional(
    v.union(
      [
        flag('From the first pods of the new version to the last step.'),
        section({
          from: v.optional(text('Step with which it begins, as it is written in steps.')),
          until: v.optional(text('Step with which it ends, as it is written in steps.')),
        }),
      ],
      'must be true, or a mapping with from and until',
    ),
  ),
})

export type CheckValues = v.InferOutput<typeof CHECK_SCHEMA>
export const CHECK_KINDS = ['http', 'version', 'prometheus', 'web', 'pods', 'job', 'command', 'compare'] as const
export type WarmUpValues = v.InferOutput<typeof WARM_UP_SCHEMA>
