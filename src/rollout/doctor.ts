import { diagnose, type DiagnosisInput } from '../health/diagnosis.ts'
import { PODS_SHOWN } from '../health/evidence.ts'
import type { Diagnosis, Symptom, Unexplained } from '../health/symptom.ts'
import type { Client } from '../kubernetes/client.ts'
import type { Clock } from '../shared/clock.ts'
import { type KubeEvent, keyOf, type ObjectRef } from '../shared/objects.ts'
import { eventsOf } from './evidence.ts'

/** What the pods of one version, and what made them, look like now. */
export type Patient = Pick<DiagnosisInput, 'pods' | 'replicaSet' | 'deployment' | 'job' | 'draining'>

/** Milliseconds that a status may hide its cause before events are read: most pods are ready by then. */
const FIRST_LOOK = 2_000
/** Milliseconds between two looks; they grow with how long it lasts. */
const LOOK_AGAIN = { least: 2_000, most: 15_000 }
/** Milliseconds that a verdict waits for events: it rests on the status, they only may better it. */
const PATIENCE = 2_000
/** Objects whose events are kept. */
const MOST_KEPT = 50

interface Asked {
  /** ms since 1970 */
  at: number
  events: KubeEvent[]
}

/**
 * Says again and again what is wrong with the pods of a rollout. It remembers what it saw, and reads the events of the
 * few objects whose status does not say why, beside the loop that asks: nothing waits for them but a verdict.
 */
export class Doctor {
  readonly #client: Client
  readonly #clock: Clock
  readonly #notify: () => void
  readonly #firstSeen = new Map<string, number>()
  readonly #asked = new Map<string, Asked>()

  /** @param notify called when events came, so that the caller asks again */
  constructor({ client, clock }: { client: Client; clock: Clock }, notify: () => void) {
    this.#client = client
    this.#clock = clock
    this.#notify = notify
  }

  /** What is wrong, as far as is known now. */
  look(patient: Patient): Diagnosis {
    const now = this.#clock.now()
    const events = [...this.#asked.values()].flatMap((each) => each.events)
    const { unexplained = [], ...diagnosis } = diagnose({ ...patient, events, now, firstSeen: this.#firstSeen })
    const looks = unexplained.slice(0, PODS_SHOWN).map((each) => this.#ask(each, now))
    if (looks.length === 0) return diagnosis
    return { ...diagnosis, nextCheckAt: Math.min(diagnosis.nextCheckAt ?? Number.POSITIVE_INFINITY, ...looks) }
  }

  /** The same; before a verdict is given the newest events are read, which may take it back or name its cause. */
  async examine(patient: Patient): Promise<Diagnosis> {
    const sure = new Set<string>()
    for (;;) {
      const diagnosis = this.look(patient)
      const { fatal } = diagnosis
      if (fatal === undefined || !restsOnEvents(fatal) || sure.has(keyOf(fatal.object))) return diagnosis
      sure.add(keyOf(fatal.object))
      await this.#confirm(fatal)
    }
  }

  /** Begins to read the events of an object when that is due; the answer is when it is due next, in ms since 1970. */
  #ask({ object, since }: Unexplained, now: number): number {
    const last = this.#asked.get(keyOf(object))?.at
    if (last === undefined && now < since + FIRST_LOOK) return since + FIRST_LOOK
    const wait = Math.min(LOOK_AGAIN.most, Math.max(LOOK_AGAIN.least, ((last ?? now) - since) / 2))
    if (last !== undefined && now < last + wait) return last + wait
    void this.#read(object).then(this.#notify)
    return now + wait
  }

  async #confirm({ object }: Symptom): Promise<void> {
    const enough = new AbortController()
    await Promise.race([this.#read(object), this.#clock.sleep(PATIENCE, enough.signal)])
    enough.abort()
  }

  async #read(object: ObjectRef): Promise<void> {
    const key = keyOf(object)
    const asked: Asked = { at: this.#clock.now(), events: this.#asked.get(key)?.events ?? [] }
    this.#asked.delete(key)
    this.#asked.set(key, asked)
    for (const oldest of [...this.#asked.keys()].slice(0, -MOST_KEPT)) this.#asked.delete(oldest)
    asked.events = await eventsOf(this.#client, object)
  }
}

/** What ReplicaSet and Deployment say stands in their status. */
function restsOnEvents({ object, code }: Symptom): boolean {
  return object.kind === 'Pod' || (object.kind === 'Job' && code !== 'job-failed')
}
