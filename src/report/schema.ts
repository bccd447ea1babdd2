import * as v from 'valibot'
import { OUTCOMES } from '../rollout/record.ts'
import { COMMANDS } from '../rollout/settings.ts'
import { STRATEGIES } from '../strategies/step.ts'

/**
 * Shape of the JSON report. `schema/report.schema.json` is generated from it, and what `json.ts` builds has its type.
 * A field is never taken away or given another meaning within one `version`; new ones may come.
 */

const text = v.string()
const natural = v.pipe(v.number(), v.integer(), v.minValue(0))
const time = v.pipe(v.string(), v.isoTimestamp())

const Ref = v.object({ apiVersion: text, kind: text, name: text, namespace: v.optional(text) })
const Place = v.object({ file: text, line: v.optional(natural), column: v.optional(natural) })

const Finding = v.object({
  id: text,
  severity: v.picklist(['error', 'warning', 'info']),
  object: v.optional(Ref),
  place: v.optional(Place),
  reason: text,
  mend: text,
  acceptable: v.optional(v.boolean()),
  accepted: v.boolean(),
})

const Failure = v.object({
  kind: v.picklist(['refused', 'failed', 'timeout', 'cancelled']),
  code: text,
  message: text,
  object: v.optional(Ref),
  place: v.optional(Place),
  evidence: v.array(v.object({ title: text, lines: v.array(text) })),
  done: v.optional(text),
  next: v.optional(text),
})

const Release = v.object({ digest: text, rollout: natural, images: v.array(text), sha: v.optional(text) })

const Pods = v.object({ stable: natural, canary: natural })

const Step = v.object({
  text,
  state: v.picklist(['done', 'active', 'waiting', 'failed', 'left', 'open']),
  milliseconds: v.optional(natural),
  share: v.optional(v.pipe(natural, v.maxValue(100))),
  pods: v.optional(Pods),
})

const Rollout = v.object({
  number: natural,
  phase: v.picklist(['progressing', 'paused', 'stopped', 'aborting', 'aborted', 'succeeded', 'failed']),
  command: v.picklist(['deploy', 'rollback']),
  strategy: v.picklist(STRATEGIES),
  pods: v.picklist(['in-place', 'separate']),
  step: text,
  weight: v.pipe(natural, v.maxValue(100)),
  steps: v.array(Step),
  release: Release,
  previous: v.optional(Release),
  versions: v.object({ stable: text, new: text }),
  startedAt: time,
  updatedAt: time,
  reason: v.optional(text),
  downtimeSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  pullRequest: v.optional(natural),
  timeline: v.array(v.object({ at: time, kind: text, text, step: v.optional(natural) })),
})

const Plan = v.object({
  release: text,
  rollout: natural,
  strategy: v.picklist(STRATEGIES),
  steps: v.array(v.object({ text, pods: v.optional(Pods) })),
  objects: v.array(
    v.object({
      object: Ref,
      action: v.picklist(['create', 'configure', 'unchanged', 'delete', 'not-in-release']),
      changes: v.array(v.object({ path: text, before: v.optional(text), after: v.optional(text) })),
    }),
  ),
  services: v.object({
    taking: v.array(text),
    notTaking: v.array(v.object({ name: text, why: text })),
  }),
  missingRights: v.array(text),
  notes: v.array(text),
})

const milliseconds = v.pipe(v.number(), v.minValue(0))
const seconds = v.pipe(v.number(), v.minValue(0))

/** What the update checker has seen: data of each version, for comparing the two. */
const Updates = v.object({
  target: text,
  intervalMs: natural,
  from: time,
  until: time,
  requests: natural,
  failed: natural,
  versions: v.array(
    v.object({
      version: text,
      requests: natural,
      errors: natural,
      latencyMs: v.optional(v.object({ p50: milliseconds, p90: milliseconds, p99: milliseconds })),
    }),
  ),
  downtime: v.array(v.object({ from: time, seconds, over: v.boolean(), reason: text })),
  downtimeSeconds: seconds,
  slowest: v.array(v.object({ at: time, latencyMs: milliseconds, version: text })),
  timeline: v.array(
    v.object({ at: time, failed: natural, answers: v.array(v.object({ version: text, requests: natural })) }),
  ),
})

/** One answer of a check, with the numbers it rests on. */
const Measurement = v.object({
  check: text,
  at: time,
  verdict: v.picklist(['pass', 'fail', 'inconclusive']),
  text,
  figures: v.array(v.object({ name: text, value: v.number() })),
})

export const ReportSchema = v.object({
  version: v.literal(1),
  app: text,
  namespace: text,
  environment: text,
  cluster: text,
  createdAt: time,
  command: v.optional(v.picklist(COMMANDS)),
  outcome: v.optional(v.picklist(OUTCOMES)),
  message: text,
  exitCode: v.optional(natural),
  next: text,
  failure: v.optional(Failure),
  findings: v.array(Finding),
  plan: v.optional(Plan),
  rollout: v.optional(Rollout),
  mix: v.array(v.object({ at: time, stable: MixSide(), canary: MixSide() })),
  checks: v.array(Measurement),
  updates: v.optional(Updates),
  changes: v.array(v.object({ at: time, text })),
})

function MixSide() {
  return v.object({ version: text, pods: natural })
}

export type Report = v.InferOutput<typeof ReportSchema>
