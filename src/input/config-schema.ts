import * as v from 'valibot'
import { STRATEGIES } from '../strategies/step.ts'
import { CHECK_SCHEMA, WARM_UP_SCHEMA } from './checks-schema.ts'
import { choice, duration, flag, list, section, text } from './schema-parts.ts'
import { TRAFFIC_SCHEMA } from './traffic-schema.ts'
import { UPDATES_SCHEMA } from './updates-schema.ts'

/**
 * The config file as people write it. The same schema checks it and becomes the JSON Schema for editors, so what an editor
 * underlines and what Headgate refuses are one.
 */

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/
const name = v.pipe(
  v.string(),
  v.regex(NAME, ({ input }) => `"${input}" is not a name (lower-case letters, digits, "-" and ".")`),
)

const named = <T extends v.GenericSchema>(value: T, describe: string) =>
  v.pipe(v.record(name, value, 'must be a mapping from names'), v.description(describe))

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
      v.description('N%, mirror N%, wait D, check NAME, job NAME, warm-up, approve, switch.'),
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
  checks: v.optional(named(CHECK_SCHEMA, 'Checks that steps ask, by name.')),
  'warm-up': v.optional(v.pipe(WARM_UP_SCHEMA, v.description('How the step warm-up asks the new pods.'))),
  traffic: v.optional(
    v.pipe(TRAFFIC_SCHEMA, v.description('Canary: how requests are parted where a route leads to the Service.')),
  ),
  'update-checker': v.optional(UPDATES_SCHEMA),
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
  environment: v.optional(text('GitHub environment that the deployment is shown in.')),
  'environment-url': v.optional(text('Address of what was deployed.')),
  'transient-environment': v.optional(flag('The environment goes away again, such as one of a pull request.')),
  'production-environment': v.optional(
    flag('People use the environment. Default: only when its name is production, as GitHub does it.'),
  ),
  'commit-status': v.optional(flag('Keep a commit status up to date, for branch rules.')),
})

export type ConfigValues = v.InferOutput<typeof CONFIG_SCHEMA>
export type ConfigKey = keyof ConfigValues
