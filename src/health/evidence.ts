import type { Evidence, Failure } from '../shared/errors.ts'
import type { KubeEvent } from '../shared/objects.ts'
import type { Symptom } from './symptom.ts'

export interface LogTail {
  pod: string
  container: string
  text: string
}

/** Events as lines, oldest first, with repeat counts; `since` in milliseconds since 1970. */
export function eventLines(_events: readonly KubeEvent[], _since?: number): string[] {
  return []
}

/** The last lines of a log, each of bounded length. */
export function logTail(text: string, _lines = 25): string[] {
  return text.split('\n')
}

export interface Cause {
  symptom: Symptom
  /** names of all objects that show the same cause */
  objects: string[]
}

/** Symptoms of the same cause (code, container, message) as one, in the order given. */
export function causes(symptoms: readonly Symptom[]): Cause[] {
  return symptoms.map((symptom) => ({ symptom, objects: [symptom.object.name] }))
}

/** One failure that a person can act on. `others` are the remaining symptoms of the same diagnosis. */
export function explainFailure(
  symptom: Symptom,
  _events: readonly KubeEvent[] = [],
  _logs: readonly LogTail[] = [],
  _more: { others?: readonly Symptom[]; since?: number } = {},
): Failure {
  const evidence: Evidence[] = []
  return {
    kind: 'failed',
    code: symptom.code,
    message: symptom.sentence,
    object: symptom.object,
    evidence,
    next: symptom.hint,
  }
}
