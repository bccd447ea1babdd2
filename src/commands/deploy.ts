import type { Finding } from '../preflight/finding.ts'
import { rightsFindings } from '../preflight/rights.ts'
import { migratedManagers } from '../kubernetes/adopt.ts'
import { adopt } from '../kubernetes/apply.ts'
import type { Client } from '../kubernetes/client.ts'
import { valueAt } from '../manifests/workload.ts'
import { applyAcceptance, blocking, runRules } from '../preflight/rules.ts'
import type { Result } from '../report/events.ts'
import { renderPlan } from '../report/plan.ts'
import { aroundOf } from '../rollout/around.ts'
import { Book, readPayload, readRecord } from '../rollout/book.ts'
import { carry, goBack } from '../rollout/carry.ts'
import { payloadKind } from '../rollout/codec.ts'
import { draftRollout } from '../rollout/draft.ts'
import { decide, type Decision } from '../rollout/machine.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { loadRelease, type Release, releaseOf } from '../rollout/release.ts'
import { engineFor, openSession, type ReadSession, type Session } from '../rollout/session.ts'
import { dryRunOne, survey, type Survey } from '../rollout/survey.ts'
import { planOf } from '../rollout/plan.ts'
import { HeadgateError, refuse } from '../shared/errors.ts'
import { type ConfigMap, keyOf, nameOf, refOf } from '../shared/objects.ts'
import { isRolling, lastWriter } from '../strategies/hold.ts'
import { selectorText } from '../rollout/world.ts'
import { Interrupted } from '../rollout/interrupt.ts'
import { colored } from '../rollout/colors.ts'
import { endedResult } from './act.ts'
import type { Deps } from '../rollout/deps.ts'
import { homeOf } from './find-app.ts'
import { resultOf } from './result.ts'

/** Brings the release in the manifests live by the chosen strategy. */
export async function deploy(deps: Deps): Promise<Result> {
  const files = await deps.readManifests()
  const release = await loadRelease(files, deps.settings, homeOf(deps), deps.client.discovery)
  const session = await openSession(deps, release.app, release.namespace, deps.settings.timeoutMs)
  try {
    const found = await readRecord(deps.client, release.app, release.namespace)
    return await decided(session, release, found?.record, found?.map)
  } finally {
    await session.close()
  }
}

async function decided(
  session: Session,
  release: Release,
  record: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Result> {
  const { deps } = session
  const { settings, source, reporter } = deps
  const { full, supersede } = settings
  const decision = decide({ command: 'deploy', record, digest: release.digest, full, supersede, source })
  switch (decision.kind) {
    case 'refused':
      return resultOf(deps, {
        outcome: 'refused',
        message: decision.failure.message,
        record,
        failure: decision.failure,
        ...release,
      })
    case 'unchanged':
      return resultOf(deps, { outcome: 'unchanged', message: decision.message, record })
    case 'still-paused':
      return resultOf(deps, { outcome: 'paused', message: decision.message, record })
    case 'resume':
      if (record === undefined || map === undefined) throw new Error('resume without a record')
      reporter.emit({
        kind: 'line',
        text: `going on with rollout ${record.rollout} at step ${record.step + 1}: ${decision.because}`,
      })
      return resume(session, record, map)
    case 'start':
      return begin(session, release, decision, record, map)
    case 'promote':
    case 'abort':
      throw new Error(`${decision.kind} is no answer to deploy`)
  }
}

async function resume(session: Session, record: RolloutRecord, map: ConfigMap): Promise<Result> {
  const { deps } = session
  const payload = await readPayload(deps.client, record, record.rollout)
  const { failure: _failure, reason: _reason, ...rest } = record
  const book = new Book(deps, { ...rest, lastRun: deps.source }, payload, map)
  const rested = record.phase === 'stopped'
  const engine = await engineFor(session, book, rested)
  if (!rested) await engine.mark()
  await book.save(
    { phase: 'progressing' },
    { kind: 'resumed', text: `step ${record.step + 1} again`, step: record.step },
  )
  const { client, settings } = deps
  // From the payload, which is the same release with the colors that this rollout gave it.
  const release = releaseOf(payload, record)
  const seen = await survey({ client, world: session.world, release, settings, command: 'deploy' })
  return endedResult(
    deps,
    book,
    await carry(engine, { approvedUntil: 0, everything: false }, aroundOf(session, engine, release, seen)),
  )
}

/** Supersede and unfinished aborts: back to full stable first, so that never three versions serve. */
async function abortFirst(
  session: Session,
  record: RolloutRecord,
  map: ConfigMap,
  because: string,
): Promise<ConfigMap | undefined> {
  const { deps } = session
  deps.reporter.emit({ kind: 'line', text: because })
  const payload = await readPayload(deps.client, record, record.rollout)
  const book = new Book(deps, record, payload, map)
  const rested = record.phase === 'paused' || record.phase === 'stopped'
  const engine = await engineFor(session, book, rested)
  if (!rested) await engine.mark()
  const { outcome, failure } = await goBack(engine)
  if (outcome !== 'aborted')
    throw new HeadgateError(failure ?? refuse('abort-failed', 'the rollout before could not be aborted').failure)
  return book.map
}

export async function begin(
  session: Session,
  plain: Release,
  decision: Decision & { kind: 'start' },
  before: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Result> {
  const { deps } = session
  const { reporter } = deps
  let record = before
  let current = map
  if (decision.abortFirst && before !== undefined && map !== undefined) {
    current = await abortFirst(session, before, map, decision.because)
    record = (await readRecord(deps.client, before.app, before.namespace))?.record
  }
  const release = await shaped(session, plain)
  reporter.emit({ kind: 'phase', title: 'Preflight' })
  await foreignRolloutsOver(session, release)
  const look = await preflight(session, release, record)
  const stop = refusal(look.findings)
  if (stop !== undefined)
    return resultOf(deps, {
      outcome: 'refused',
      message: stop.message,
      record,
      failure: stop,
      findings: look.findings,
      plan: look.plan,
      ...release,
    })
  await adoptWorkloads(session, release, look.seen)
  const book = await open(session, release, look.seen, record, current)
  const engine = await engineFor(session, book, false)
  const around = aroundOf(session, engine, release, look.seen, before?.jobs ?? [])
  const ended = await carry(engine, { approvedUntil: 0, everything: deps.settings.full }, around)
  return { ...endedResult(deps, book, ended), findings: look.findings, plan: look.plan }
}

/** In the separate form the release is painted in the colors that this rollout gives it. */
export async function shaped({ deps, world }: ReadSession, release: Release): Promise<Release> {
  return deps.settings.pods === 'separate' ? colored(deps.client, world, release, deps.settings) : release
}

/** A rolling update that somebody else began is waited for, up to `timeout`: until it ends nobody knows what is stable. */
async function foreignRolloutsOver({ deps, world, wake }: Session, release: Release): Promise<void> {
  const { clock, settings, reporter, cancel } = deps
  const deadline = clock.now() + settings.timeoutMs
  for (const manifest of release.parts.workloads) {
    const { name = '', namespace = '' } = manifest.metadata
    const active = release.active[`${namespace}/${name}`] ?? name
    await world.watch(active, namespace, selectorText(manifest.spec.selector))
    for (;;) {
      const { deployment } = world.workload({ namespace, name: active })
      if (deployment === undefined || !isRolling(deployment)) break
      if (cancel.aborted) throw new Interrupted({ kind: 'cancelled' })
      if (clock.now() >= deadline)
        throw refuse(
          'foreign-rollout',
          `Deployment/${active} is in the middle of a rolling update by ${lastWriter(deployment)}`,
          {
            object: refOf(deployment),
            next: `wait for it, or end it: kubectl -n ${namespace} rollout undo deployment ${active}`,
          },
        )
      reporter.emit({
        kind: 'waiting',
        text: `the rolling update of Deployment/${active} by ${lastWriter(deployment)} to end`,
      })
      await wake.until(deadline, clock, [cancel])
    }
  }
}

export interface Look {
  seen: Survey
  findings: Finding[]
  /** Markdown */
  plan: string
}

/** Everything that can be known before the first write. */
export async function preflight(
  session: ReadSession,
  release: Release,
  record: RolloutRecord | undefined,
): Promise<Look> {
  const { deps, world } = session
  const { client, settings, reporter, clock, source } = deps
  const seen = await survey({ client, world, release, settings, command: settings.command })
  const { strategy, steps, pods, capacity, timeoutMs, takeOver } = settings
  const plain = Object.keys(settings.workloads)
  const input = {
    app: release.app,
    strategy,
    steps,
    pods,
    capacity,
    plain,
    timeoutMs,
    takeOver,
    objects: release.objects,
    live: seen.live,
    lists: seen.lists,
    dryRuns: seen.dryRuns,
    record,
    active: release.active,
    serverVersion: await serverVersion(client, release),
    now: clock.now(),
  }
  const findings = applyAcceptance([...rightsFindings(seen.missing), ...runRules(input)], settings.accept)
  const draft = draftRollout({
    release,
    settings,
    source,
    command: 'deploy',
    before: record,
    world,
    live: seen.live,
    dryRuns: seen.dryRuns,
    now: clock.now(),
  })
  const plan = planOf(release, seen, draft, findings)
  for (const finding of findings) reporter.emit({ kind: 'finding', finding })
  reporter.emit({ kind: 'plan', plan })
  return { seen, findings, plan: renderPlan(plan) }
}

function refusal(findings: Finding[]): HeadgateError['failure'] | undefined {
  const errors = blocking(findings)
  const [first] = errors
  if (first === undefined) return undefined
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const { failure } = refuse(
    'preflight',
    `preflight found ${errors.length === 1 ? 'an error' : `${errors.length} errors`}: ${first.reason}${more}`,
    {
      ...(first.object === undefined ? {} : { object: first.object }),
      ...(first.place === undefined ? {} : { place: first.place }),
      done: 'nothing was touched',
      next: first.mend,
    },
  )
  return failure
}

/** Asked only where a rule depends on it: the sleep action of preStop is younger than some clusters. */
async function serverVersion(
  client: Client,
  { parts }: Release,
): Promise<{ major: number; minor: number } | undefined> {
  const sleeps = parts.workloads.some((workload) =>
    workload.spec.template.spec.containers.some(
      ({ lifecycle }) => valueAt(lifecycle, ['preStop', 'sleep']) !== undefined,
    ),
  )
  if (!sleeps) return undefined
  const { major, minor } = await client.version()
  // Some clouds write `29+`.
  return { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) }
}

/**
 * What kubectl owned is handed over before the hold: it changes no content, and only then is the dry run's answer, which
 * becomes the template that is written, exactly what the server would store.
 */
async function adoptWorkloads({ deps, world }: Session, release: Release, seen: Survey): Promise<void> {
  const { client, settings } = deps
  for (const object of release.parts.workloads) {
    const key = keyOf(refOf(object))
    const live = seen.live.get(key)
    if (live === undefined || migratedManagers(live).length === 0) continue
    const migrated = await adopt(client, live, { autoscaled: seen.autoscaled.has(key) })
    world.put(migrated)
    seen.live.set(key, migrated)
    const again = await dryRunOne(client, object, seen, settings.takeOver)
    // Preflight has judged the first answer; without a second good one nobody knows what to write.
    if (again.kind === 'error')
      throw refuse('dry-run', `the cluster took back its yes to ${nameOf(refOf(object))}: ${again.message}`, {
        object: refOf(object),
        done: 'no pod was touched',
        next: 'deploy again; if it stays, look at what changes this object, and at its admission webhooks',
      })
    seen.dryRuns.set(key, again)
  }
}

/** Payload first, then the record that names it; from here on a dead run can be resumed and aborted. */
async function open(
  session: Session,
  release: Release,
  seen: Survey,
  before: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Book> {
  const { deps, world } = session
  const { client, clock, reporter, settings, source } = deps
  const command = settings.command === 'rollback' ? 'rollback' : 'deploy'
  const { record, payload } = draftRollout({
    release,
    settings,
    source,
    command,
    before,
    world,
    live: seen.live,
    dryRuns: seen.dryRuns,
    now: clock.now(),
  })
  const kept = (before?.payloads ?? []).filter(({ rollout }) => rollout !== payload.rollout)
  const payloads = [...kept, { rollout: payload.rollout, kind: payloadKind(payload) }]
  const book = new Book(deps, { ...record, payloads }, payload, map)
  await book.open()
  await book.save({})
  return book
}
