import { eachLimited } from '../kubernetes/apply.ts'
import { ApiError, explain } from '../kubernetes/errors.ts'
import { LiveList } from '../kubernetes/watch.ts'
import { readiness } from '../health/readiness.ts'
import { isDeployment, podTemplateOf } from '../manifests/workload.ts'
import { hashOf, replicaSetOf } from '../strategies/view.ts'
import { HeadgateError } from '../shared/errors.ts'
import { type Job, keyOf, type KubeObject, nameOf, type Pod, refOf } from '../shared/objects.ts'
import type { Around } from './carry.ts'
import { sameContent } from '../kubernetes/diff.ts'
import { dryRunOf } from './draft.ts'
import type { Engine } from './engine.ts'
import { Doctor } from './doctor.ts'
import { gatherEvidence } from './evidence.ts'
import { leftovers } from './finish.ts'
import { keepOld } from './kept.ts'
import { keptRoutes } from './routing.ts'
import { readPayload } from './book.ts'
import type { RolloutRecord } from './record.ts'
import type { Release } from './release.ts'
import { applyIn, type Session } from './session.ts'
import type { Survey } from './survey.ts'
import { selectorText } from './world.ts'

const AT_ONCE = 8

/** Kinds that replace their pods when they change. */
const VERSIONED = ['Deployment', 'StatefulSet', 'DaemonSet']

/** Its pods are done when they end, which is bad in any other's. */
function isJob(object: KubeObject): object is Job {
  return object.kind === 'Job' && object.apiVersion.startsWith('batch/')
}

/** What is applied before and after the steps. `seen` is the survey of a deploy; without it everything is looked at. */
export function aroundOf(session: Session, engine: Engine, release: Release, seen: Survey | undefined): Around {
  const { parts } = release
  const steps = new Set(
    engine.workloads.map(({ name, namespace }) =>
      keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace }),
    ),
  )
  const moved = new Set(
    engine.o.book.record.services.map(({ name, namespace }) =>
      keyOf({ apiVersion: 'v1', kind: 'Service', name, namespace }),
    ),
  )
  const apart = (objects: readonly KubeObject[], keys: Set<string>): KubeObject[] =>
    objects.filter((object) => !keys.has(keyOf(refOf(object))))
  const applier = new Applier(session, engine, release, seen)
  return {
    before: async () => {
      // A promote goes on after these were applied; only a deploy brings objects.
      if (seen === undefined) return
      for (const wave of parts.supporting) await applier.wave(wave)
      await applier.wave([...apart(parts.services, moved), ...apart(parts.workloads, steps), ...parts.otherWorkloads])
    },
    keep: () => keepOld(engine, (object) => awaitReady(engine, object)),
    after: async () => {
      await applier.wave(withRoutes(engine, parts.pointing))
      await prune(session, engine, release)
    },
  }
}

/** Routes of the release, with the rules of the versions that are kept from now on. */
function withRoutes(engine: Engine, objects: KubeObject[]): KubeObject[] {
  const { traffic, kept = [] } = engine.o.book.record
  return keptRoutes(objects, kept, traffic?.keeping ?? kept)
}

class Applier {
  readonly #session: Session
  readonly #engine: Engine
  readonly #release: Release
  readonly #seen: Survey | undefined

  constructor(session: Session, engine: Engine, release: Release, seen: Survey | undefined) {
    this.#session = session
    this.#engine = engine
    this.#release = release
    this.#seen = seen
  }

  /** Applies objects side by side and waits until each is accepted. */
  async wave(objects: KubeObject[]): Promise<void> {
    const changed: KubeObject[] = []
    await eachLimited(objects, AT_ONCE, async (object) => {
      const applied = await this.#apply(object).catch((error: unknown) => {
        throw error instanceof ApiError ? this.#refusal(error, object) : error
      })
      if (applied !== undefined) changed.push(applied)
    })
    for (const object of changed) await awaitReady(this.#engine, object)
  }

  /** What the server said to an object that no dry run could try, such as one in a namespace that comes with it. */
  #refusal(error: ApiError, object: KubeObject): HeadgateError {
    const place = this.#release.objects.find((each) => each.object === object)?.place
    const failure = explain(error, refOf(object))
    return new HeadgateError({ ...failure, ...(place === undefined ? {} : { place }) }, { cause: error })
  }

  /** Undefined when it is as it should be and stands ready. */
  async #apply(object: KubeObject): Promise<KubeObject | undefined> {
    this.#engine.stops.checkpoint()
    const { record } = this.#engine.o.book
    const key = keyOf(refOf(object))
    // A route has been written and put back since it was seen.
    const moved = record.traffic?.routes.includes(key) === true
    const known = moved ? undefined : this.#seen?.live.get(key)
    const dry = this.#seen === undefined ? undefined : dryRunOf(this.#seen.dryRuns, object)
    if (known !== undefined && dry !== undefined && sameContent(known, dry))
      return readiness(known).done ? undefined : known
    const live = this.#seen === undefined || moved ? await this.#engine.o.client.get(refOf(object)) : known
    return applyIn(this.#session, record.takeOver, object, live)
  }
}

/** Watches one object until its kind's rule says that it is ready. Throws HeadgateError: a bad one, or a timeout. */
async function awaitReady(engine: Engine, applied: KubeObject): Promise<void> {
  if (readiness(applied).done) return
  const { client, wake, book, clock, reporter } = engine.o
  const stop = new AbortController()
  const options = { signal: stop.signal, onChange: wake.notify }
  const ref = refOf(applied)
  const list = LiveList.open<KubeObject>(client, applied, ref.namespace, { name: ref.name }, options)
  const selector = (applied['spec'] as { selector?: Parameters<typeof selectorText>[0] } | undefined)?.selector
  const ownPods = podTemplateOf(applied) !== undefined && selector !== undefined
  const pods = ownPods
    ? LiveList.open<Pod>(
        client,
        { apiVersion: 'v1', kind: 'Pod' },
        ref.namespace,
        { labelSelector: selectorText(selector) },
        options,
      )
    : undefined
  const doctor = new Doctor(engine.o, wake.notify)
  const deadline = engine.now + book.record.timeoutMs
  try {
    await Promise.all([list.ready, pods?.ready])
    for (;;) {
      engine.stops.checkpoint()
      const live = list.get(ref.name) ?? applied
      const state = readiness(live)
      if (state.done && state.failure === undefined) return
      const own = ofThisVersion(engine, live, pods?.items() ?? [])
      const diagnosis = await doctor.examine({ pods: own, job: isJob(live) ? live : undefined })
      const symptom = diagnosis.fatal ?? (engine.now >= deadline ? diagnosis.symptoms[0] : undefined)
      if (symptom !== undefined) {
        const known = await gatherEvidence(client, symptom, clock.now() - book.record.timeoutMs)
        if (diagnosis.fatal !== undefined) throw new HeadgateError(known)
        const message = `${nameOf(ref)}: timed out, ${state.text}: ${known.message}`
        throw new HeadgateError({ ...known, kind: 'timeout', code: 'timeout', message })
      }
      if (state.failure !== undefined || engine.now >= deadline)
        throw new HeadgateError({
          kind: state.failure === undefined ? 'timeout' : 'failed',
          code: state.failure?.code ?? 'timeout',
          message: `${nameOf(ref)}: ${state.failure?.message ?? `timed out, ${state.text}`}`,
          object: ref,
        })
      reporter.emit({ kind: 'waiting', text: `${nameOf(ref)}: ${state.text}` })
      await engine.stops.sleep(Math.min(deadline, diagnosis.nextCheckAt ?? deadline))
    }
  } finally {
    stop.abort()
  }
}

/**
 * Pods of the version that was applied. Until the controller has made them there are none to judge: what is wrong with
 * older ones is not this release's doing.
 */
function ofThisVersion(engine: Engine, live: KubeObject, pods: Pod[]): Pod[] {
  const { name = '', namespace = '', generation = 0, annotations } = live.metadata
  const status = live['status'] as { observedGeneration?: number; updateRevision?: string } | undefined
  if (VERSIONED.includes(live.kind) && (status?.observedGeneration ?? 0) < generation) return []
  if (isDeployment(live)) {
    const set = replicaSetOf(engine.o.world.workload({ name, namespace }).replicaSets, live.spec.template)
    return set === undefined ? [] : pods.filter((pod) => hashOf(pod) === hashOf(set))
  }
  const has = (label: string, ...values: string[]): Pod[] =>
    pods.filter(({ metadata }) => values.includes(metadata.labels?.[label] ?? ''))
  const revision = status?.updateRevision
  // A StatefulSet's pods carry the whole name of their revision, those of other controllers only its hash.
  if (revision !== undefined) return has('controller-revision-hash', revision, revision.slice(name.length + 1))
  const number = annotations?.['deprecated.daemonset.template.generation']
  return number === undefined ? pods : has('pod-template-generation', number)
}

/** After success and never before: objects that the release before had and this one lacks, when `prune` is set. */
async function prune(session: Session, engine: Engine, release: Release): Promise<void> {
  const { record } = engine.o.book
  if (record.serving === undefined || record.serving.digest === record.release.digest) return
  const { client, reporter } = session.deps
  const before = await readPayload(client, record, record.serving.rollout).catch(() => undefined)
  const gone = leftovers(
    before?.objects ?? [],
    release.objects.map(({ object }) => object),
  ).filter((object) => !staysAnyway(object, record))
  for (const object of gone) {
    if (!record.prune) {
      reporter.emit({
        kind: 'line',
        level: 'warning',
        text: `${nameOf(refOf(object))} is no longer in the release; it stays (prune: true removes it)`,
      })
      continue
    }
    engine.stops.checkpoint(['lost'])
    await client.delete(refOf(object), { propagation: 'Background' })
    reporter.emit({ kind: 'change', text: `${nameOf(refOf(object))} removed: no longer in the release` })
  }
}

/** Jobs go with their rollout, namespaces hold more than one app, and the old color is the next rollout's new one. */
function staysAnyway({ kind, metadata }: KubeObject, record: RolloutRecord): boolean {
  if (kind === 'Job' || kind === 'Namespace') return true
  return kind === 'Deployment' && record.workloads.some(({ stableName }) => stableName === metadata.name)
}
