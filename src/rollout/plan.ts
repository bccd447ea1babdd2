import { type FieldChange as Change, diff } from '../kubernetes/diff.ts'
import type { Finding } from '../preflight/finding.ts'
import type { Need } from '../preflight/needs.ts'
import { roleFor } from '../preflight/rights.ts'
import type { FieldChange, Plan, PlannedObject, PlannedStep } from '../report/plan.ts'
import { valueAt } from '../manifests/workload.ts'
import { stringifyJson } from '../shared/json.ts'
import { type Json, keyOf, refOf, type Service } from '../shared/objects.ts'
import { stepText } from '../strategies/step.ts'
import { weightAt } from '../strategies/strategy.ts'
import { type Draft, dryRunOf, takesPart } from './draft.ts'
import type { Sticky } from '../routers/router.ts'
import type { RolloutRecord, TrafficRecord, WorkloadRecord } from './record.ts'
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
    steps: plannedSteps(record, comingOf(release, seen)),
    objects: plannedObjects(release, seen),
    services: servicesOf(release, seen, record),
    findings,
    role: roleFor(seen.needs, `headgate-${release.app}`),
    missingRights: seen.missing.map(rightText),
    notes: notesOf(record, Object.keys(payload.versions).length),
  }
}

/** Replicas that each workload has once the finish has taken its holds away, by name: what the server would store. */
function comingOf(release: Release, seen: Survey): (workload: WorkloadRecord) => number {
  return ({ namespace, name, replicas }) => {
    const manifest = release.parts.workloads.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    )
    const dry = manifest === undefined ? undefined : dryRunOf(seen.dryRuns, manifest)
    const count = valueAt(dry, ['spec', 'replicas'])
    return typeof count === 'number' ? count : replicas
  }
}

function plannedSteps(record: RolloutRecord, coming: (workload: WorkloadRecord) => number): PlannedStep[] {
  const weights = record.plan.filter((step) => step.kind === 'weight')
  const moved = record.workloads.filter(({ mode }) => mode === 'steps')
  const steps = record.plan.map((step, index): PlannedStep => {
    const nth = record.plan.slice(0, index + 1).filter(({ kind }) => kind === 'weight').length - 1
    const pairs = moved.flatMap(({ pairs }) => pairs[nth] ?? [])
    const sum = (which: number): number =>
      pairs.reduce((total, pods, at) => (at % 2 === which ? total + pods : total), 0)
    const text = stepText(step)
    const stands = weightAt(record.plan, index) > 0 || (nth >= 0 && record.traffic !== undefined)
    return stands && weights.length > 0 ? { text, pods: { stable: sum(0), canary: sum(1) } } : { text }
  })
  return moved.length === 0
    ? []
    : [
        ...steps,
        {
          text: 'finish',
          pods: { stable: 0, canary: moved.reduce((total, workload) => total + coming(workload), 0) },
        },
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
  if (record.traffic !== undefined) notes.push(...trafficNotes(record, record.traffic))
  if (record.strategy === 'canary' && moved > 0 && record.traffic === undefined)
    notes.push(
      'Without a router the share is one of pods and connections: clients that keep their connections open hardly meet the new version until old pods end.',
    )
  return notes
}

function trafficNotes(
  { workloads }: RolloutRecord,
  { router, routes, services, match, sticky, settleMs, pods }: TrafficRecord,
): string[] {
  const names = routes.map((key) => {
    const [, kind = '', , name = ''] = key.split('|')
    return `${kind}/${name}`
  })
  const led = services.map((service) => `Service/${service.split('/')[1] ?? ''}`)
  const replicas = workloads.reduce((sum, workload) => sum + (workload.mode === 'steps' ? workload.replicas : 0), 0)
  return [
    `The share is one of requests: ${router} parts those that come to ${led.join(', ')} through ${names.join(', ')}. What comes to the Service past it stays on the old version until all are on the new one.`,
    `All ${replicas} old pods stay until then, and ${pods === 'full' ? 'a full new set stands' : 'new pods stand'} beside them; each change of the route settles for ${Math.round(settleMs / 1000)} s before its step counts.`,
    ...(match.length === 0
      ? []
      : [
          'Who matches `traffic: match` sees the new version from the first weight or mirror step on, whatever the weight.',
        ]),
    ...(sticky === undefined ? [] : [stickyNote(sticky)]),
  ]
}

function stickyNote(sticky: Sticky): string {
  if (sticky.by === 'router') return `The router keeps each user on a version by its cookie ${sticky.name}.`
  return `Sticky by the ${sticky.source} ${sticky.name}: a user moves to the new version once and never back; who has no id stays on the old one until 100%.`
}
