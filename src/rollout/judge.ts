import { together } from '../health/diagnosis.ts'
import { hashOf, isTerminating, servingAt } from '../health/pods.ts'
import type { Diagnosis, Symptom } from '../health/symptom.ts'
import { type Failure, HeadgateError } from '../shared/errors.ts'
import { sideOf } from '../strategies/view.ts'
import { Doctor, type Patient } from './doctor.ts'
import type { Engine } from './engine.ts'
import { gatherEvidence } from './evidence.ts'

/** Milliseconds: an event has whole seconds, by a clock of the cluster, and may come before what it is about to be told of. */
const CLOCKS_DIFFER = 10_000

/** Says how the pods of one version are, over all workloads, and makes errors of what it finds. */
export class Judge {
  readonly #engine: Engine
  /** ms since 1970; older events are not about this run */
  readonly #since: number
  readonly #doctor: Doctor

  constructor(engine: Engine, since: number) {
    this.#engine = engine
    this.#since = since - CLOCKS_DIFFER
    this.#doctor = new Doctor(engine.o, engine.o.wake.notify)
  }

  /** How the pods of a version are, for going back: nothing ends that. */
  look(which: 'stable' | 'next'): Diagnosis {
    return together(this.#patients(which).map((patient) => this.#doctor.look(patient)))
  }

  /** The same for going on: its verdict is given with the newest events in view. */
  async examine(which: 'stable' | 'next'): Promise<Diagnosis> {
    const all: Diagnosis[] = []
    for (const patient of this.#patients(which)) all.push(await this.#doctor.examine(patient))
    return together(all)
  }

  #patients(which: 'stable' | 'next'): Patient[] {
    return this.#engine.workloads.map((workload) => {
      const view = this.#engine.view(workload)
      const { pods, replicaSet, hash } = sideOf(view, which)
      const { deployment, ended = [] } = which === 'next' && view.separate !== undefined ? view.separate : view
      const evicted = ended.filter((pod) => hash !== undefined && hashOf(pod) === hash)
      const draining = [...view.pods, ...(view.separate?.pods ?? [])].some(isTerminating)
      return { pods: [...pods, ...evicted], replicaSet, deployment, draining }
    })
  }

  /** The next moment (ms since 1970) at which something may be different without any change in the cluster. */
  wakeAt(deadline: number, waits: { wakeAt?: number }[], diagnosis: Diagnosis): number {
    const { now, workloads } = this.#engine
    const moments = [...waits.map((move) => move.wakeAt ?? deadline), diagnosis.nextCheckAt ?? deadline]
    for (const workload of workloads) {
      const { pods, versions, separate } = this.#engine.view(workload)
      for (const pod of [...pods, ...(separate?.pods ?? [])])
        for (const { minReadySeconds } of [versions.nextFields, versions.stableFields])
          moments.push(servingAt(pod, minReadySeconds) ?? deadline)
    }
    return Math.min(...moments.filter((at) => at > now), deadline)
  }

  async bad(symptom: Symptom, all: Symptom[]): Promise<HeadgateError> {
    const others = all.filter(({ key }) => key !== symptom.key)
    return new HeadgateError(await gatherEvidence(this.#engine.o.client, symptom, this.#since, others))
  }

  timeout(what: string, limitMs: number, diagnosis: Diagnosis): Promise<HeadgateError> {
    return this.#late(`timed out after ${Math.round(limitMs / 1000)}s waiting for ${what}`, diagnosis)
  }

  /** What users must not wait for as long as a step may take. */
  inVain(what: string, diagnosis: Diagnosis): Promise<HeadgateError> {
    return this.#late(`waited in vain for ${what}`, diagnosis)
  }

  async #late(message: string, { symptoms }: Diagnosis): Promise<HeadgateError> {
    const [worst, ...others] = symptoms
    const known: Failure | undefined =
      worst === undefined ? undefined : await gatherEvidence(this.#engine.o.client, worst, this.#since, others)
    return new HeadgateError({
      kind: 'timeout',
      code: 'timeout',
      message: known === undefined ? message : `${message}: ${known.message}`,
      ...(known?.object === undefined ? {} : { object: known.object }),
      ...(known?.evidence === undefined ? {} : { evidence: known.evidence }),
      next:
        known?.next ?? 'look at the pods and their events, or raise the input timeout if the release just needs longer',
    })
  }
}
