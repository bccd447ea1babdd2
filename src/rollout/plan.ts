import { type FieldChange as Change, diff } from '../kubernetes/diff.ts'
import type { Finding } from '../preflight/finding.ts'
import { type Need, roleFor } from '../preflight/rights.ts'
import type { FieldChange, Plan, PlannedObject, PlannedStep } from '../report/plan.ts'
import { stringifyJson } from '../shared/json.ts'
import { type Json, keyOf, refOf, type Service } from '../shared/objects.ts'
import { stepText } from '../strategies/step.ts'
import { weightAt } from '../strategies/strategy.ts'
import { type Draft, dryRunOf, takesPart } from './draft.ts'
import type { RolloutRecord } from './record.ts'
import type { Release } from './release.ts'
import type { Survey } from './survey.ts'

/** What the rollout will do, in full, from the survey and the draft of its record. Pure. */
export function planOf(release: Release, seen: Survey, { record, payload }: Draft, findings: Finding[]): Plan {
  return {
    app: release.app,
    namespace: release.namespace,
    release: release.digest,
    strategy: record.strategy,
    rollout: record.rollout,
    steps: plannedSteps(record),
    objects: plannedObjects(release, seen),
    services: servicesOf(release, seen, record),
    findings,
    role: roleFor(seen.needs, `headgate-${release.app}`),
    missingRights: seen.missing.map(rightText),
    notes: notesOf(record, Object.keys(payload.versions).length),
  }
}

function plannedSteps(record: RolloutRecord): PlannedStep[] {
  const weights = record.plan.filter((step) => step.kind === 'weight')
  const moved = record.workloads.filter(({ mode }) => mode === 'steps')
  const steps = record.plan.map((step, index): PlannedStep => {
    const nth = record.plan.slice(0, index + 1).filter(({ kind }) => kind === 'weight').length - 1
    const pairs = moved.flatMap(({ pairs }) => pairs[nth] ?? [])
    const sum = (which: number): number =>
      pairs.reduce((total, pods, at) => (at % 2 === which ? total + pods : total), 0)
    const text = stepText(step)
    return weightAt(record.plan, index) > 0 && weights.length > 0
      ? { text, pods: { stable: sum(0), canary: sum(1) } }
      : { text }
  })
  return moved.length === 0
    ? []
    : [
        ...steps,
        { text: 'finish', pods: { stable: 0, canary: moved.reduce((total, { replicas }) => total + replicas, 0) } },
      ]
}

function plannedObjects(release: Release, seen: Survey): PlannedObject[] {
  return release.objects.map(({ object }): PlannedObject => {
    const live = seen.live.get(keyOf(refOf(object)))
    const dry = dryRunOf(seen.dryRuns, object)
    if (live === undefined) return { ref: refOf(object), action: 'create', changes: [] }
    // What the server would make of one that it refuses is not known, but that it differs.
    if (dry === undefined) return { ref: refOf(object), action: 'configure', changes: [] }
    const changes = diff(live, dry).map(readable)
    return { ref: refOf(object), action: changes.length === 0 ? 'unchanged' : 'configure', changes }
  })
}

function readable({ path, before, after, secret, kind }: Change): FieldChange {
  if (secret === true)
    return {
      path,
      ...(kind === 'added' ? {} : { before: '(secret)' }),
      ...(kind === 'removed' ? {} : { after: '(secret, changed)' }),
    }
  return {
    path,
    ...(before === undefined ? {} : { before: text(before) }),
    ...(after === undefined ? {} : { after: text(after) }),
  }
}

function text(value: Json): string {
  return typeof value === 'string' ? value : stringifyJson(value)
}

function servicesOf(release: Release, seen: Survey, record: RolloutRecord): Plan['services'] {
  const taking = record.services.map(({ name }) => name)
  const templates = release.parts.workloads.map(({ spec }) => spec.template.metadata?.labels ?? {})
  const others = (seen.lists.services ?? []).filter(
    (service) =>
      service.metadata.namespace === release.namespace &&
      !taking.includes(service.metadata.name ?? '') &&
      !isApiServer(service),
  )
  const notTaking = others.map((service) => ({
    name: service.metadata.name ?? '',
    why: templates.some((labels) => takesPart(service, labels))
      ? 'its workload goes without steps'
      : 'it selects no pod of this release',
  }))
  return { taking, notTaking }
}

/** The Service of the API server, which every cluster has in this namespace, is nobody's app. */
function isApiServer({ metadata }: Service): boolean {
  return metadata.namespace === 'default' && metadata.name === 'kubernetes'
}

function rightText({ verb, group, resource, subresource, name, namespace }: Need): string {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${name}`}`
  return `${verb} ${what}${namespace === undefined ? ' in the whole cluster' : ` in namespace ${namespace}`}`
}

function notesOf(record: RolloutRecord, moved: number): string[] {
  const notes: string[] = []
  for (const { name, mode } of record.workloads)
    if (mode === 'plain' && record.strategy !== 'rolling')
      notes.push(`Deployment/${name} goes without steps: it is new, its pods do not change, or nothing of it serves.`)
  if (record.strategy === 'canary' && moved > 0)
    notes.push(
      'Without a router the share is one of pods and connections: clients that keep their connections open hardly meet the new version until old pods end.',
    )
  return notes
}
