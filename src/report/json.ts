import type { Finding } from '../preflight/finding.ts'
import type { ReleaseRef, RolloutRecord } from '../rollout/record.ts'
import type { Failure, Place } from '../shared/errors.ts'
import type { ObjectRef } from '../shared/objects.ts'
import type { Plan } from './plan.ts'
import type { Report } from './schema.ts'
import { reasonOf, stepLabel, stepRows, versionsOf, weightOf } from './status.ts'
import type { Updates } from './updates.ts'
import { failureOfView } from './verdict.ts'
import type { ReportView } from './view.ts'

/** The JSON report as text, described by `schema/report.schema.json`. */
export function renderJson(view: ReportView): string {
  return `${JSON.stringify(reportOf(view), undefined, 2)}\n`
}

/**
 * The JSON report. Everything is copied field by field: what the schema does not name, such as a field that a later
 * part adds to the record, does not leave by this door unseen.
 */
export function reportOf(view: ReportView): Report {
  const { app, namespace, environment, cluster, result, record, plan } = view
  const failure = failureOfView(view)
  return {
    version: 1,
    app,
    namespace,
    environment,
    cluster,
    createdAt: isoTime(view.now),
    ...(result === undefined ? {} : { command: result.command, outcome: result.outcome, exitCode: result.exitCode }),
    message: result?.message ?? '',
    next: result?.next ?? '',
    ...(failure === undefined ? {} : { failure: failureJson(failure) }),
    findings: view.findings.map(findingJson),
    ...(plan === undefined ? {} : { plan: planJson(plan) }),
    ...(record === undefined ? {} : { rollout: rolloutJson(view, record) }),
    mix: view.mixes.map(({ at, stable, canary }) => ({
      at: isoTime(at),
      stable: { version: stable.version, pods: stable.pods },
      canary: { version: canary.version, pods: canary.pods },
    })),
    checks: view.measurements.map(({ check, at, verdict, text, figures }) => ({
      check,
      at: isoTime(at),
      verdict,
      text,
      figures: figures.map(({ name, value }) => ({ name, value })),
    })),
    ...(view.updates === undefined ? {} : { updates: updatesJson(view.updates) }),
    changes: view.changes.map(({ at, text }) => ({ at: isoTime(at), text })),
  }
}

function updatesJson(updates: Updates): NonNullable<Report['updates']> {
  const { target, intervalMs, from, until, requests, failed, versions, downtime, downtimeMs, slowest, timeline } =
    updates
  return {
    target,
    intervalMs,
    from: isoTime(from),
    until: isoTime(until),
    requests,
    failed,
    versions: versions.map(({ version, requests: own, errors, latencyMs }) => ({
      version,
      requests: own,
      errors,
      ...(latencyMs === undefined ? {} : { latencyMs: { p50: latencyMs.p50, p90: latencyMs.p90, p99: latencyMs.p99 } }),
    })),
    downtime: downtime.map((each) => ({
      from: isoTime(each.from),
      seconds: secondsOf(each.ms),
      over: each.over,
      reason: each.text,
    })),
    downtimeSeconds: secondsOf(downtimeMs),
    slowest: slowest.map(({ at, ms, version }) => ({ at: isoTime(at), latencyMs: ms, version })),
    timeline: timeline.map(({ at, failed: lost, answers }) => ({
      at: isoTime(at),
      failed: lost,
      answers: [...answers].map(([version, own]) => ({ version, requests: own })),
    })),
  }
}

function secondsOf(ms: number): number {
  return Math.round(ms / 100) / 10
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

function refJson({ apiVersion, kind, name, namespace }: ObjectRef): ObjectRef {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

function placeJson({ file, line, column }: Place): Place {
  return { file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) }
}

function findingJson({
  id,
  severity,
  object,
  place,
  reason,
  mend,
  acceptable,
  accepted,
}: Finding): Report['findings'][number] {
  return {
    id,
    severity,
    ...(object === undefined ? {} : { object: refJson(object) }),
    ...(place === undefined ? {} : { place: placeJson(place) }),
    reason,
    mend,
    ...(acceptable === true ? { acceptable } : {}),
    accepted: accepted === true,
  }
}

function failureJson(failure: Failure): NonNullable<Report['failure']> {
  const { kind, code, message, object, place, evidence, done, next } = failure
  return {
    kind,
    code,
    message,
    ...(object === undefined ? {} : { object: refJson(object) }),
    ...(place === undefined ? {} : { place: placeJson(place) }),
    evidence: (evidence ?? []).map(({ title, lines }) => ({ title, lines: [...lines] })),
    ...(done === undefined ? {} : { done }),
    ...(next === undefined ? {} : { next }),
  }
}

function planJson(plan: Plan): NonNullable<Report['plan']> {
  const { release, rollout, strategy, steps, objects, services, missingRights, notes } = plan
  return {
    release,
    rollout,
    strategy,
    steps: steps.map(({ text, pods }) => ({ text, ...(pods === undefined ? {} : { pods }) })),
    objects: objects.map(({ ref, action, changes }) => ({
      object: refJson(ref),
      action,
      changes: changes.map(({ path, before, after }) => ({
        path,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      })),
    })),
    services: { taking: services.taking, notTaking: services.notTaking.map(({ name, why }) => ({ name, why })) },
    missingRights,
    notes,
  }
}

function releaseJson({ digest, rollout, images, sha }: ReleaseRef): ReleaseRef {
  return { digest, rollout, images, ...(sha === undefined ? {} : { sha }) }
}

function rolloutJson(view: ReportView, record: RolloutRecord): NonNullable<Report['rollout']> {
  const { downtimeSeconds, pullRequest, previous } = record
  const reason = reasonOf(record)
  return {
    number: record.rollout,
    phase: record.phase,
    command: record.command,
    strategy: record.strategy,
    pods: record.pods,
    step: stepLabel(record),
    weight: weightOf(record),
    steps: stepRows(record, view.mixes.at(-1)).map(({ text, mark, ms, share, pods }) => ({
      text,
      state: mark,
      ...(ms === undefined ? {} : { milliseconds: ms }),
      ...(share === undefined ? {} : { share }),
      ...(pods === undefined ? {} : { pods }),
    })),
    release: releaseJson(record.release),
    ...(previous === undefined ? {} : { previous: releaseJson(previous) }),
    versions: versionsOf(record),
    startedAt: record.startedAt,
    updatedAt: record.updatedAt,
    ...(reason === undefined ? {} : { reason }),
    ...(downtimeSeconds === undefined ? {} : { downtimeSeconds }),
    ...(pullRequest === undefined ? {} : { pullRequest }),
    timeline: record.timeline.map(({ at, kind, text, step }) => ({
      at,
      kind,
      text,
      ...(step === undefined ? {} : { step }),
    })),
  }
}
