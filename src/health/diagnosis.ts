import type { Deployment, Job, KubeEvent, Pod, ReplicaSet } from '../shared/objects.ts'
import type { Grace } from './grace.ts'
import type { Diagnosis } from './symptom.ts'

export interface DiagnosisInput {
  /** pods of the new version (or of the Job) */
  pods: readonly Pod[]
  /** of the new version */
  replicaSet?: ReplicaSet
  deployment?: Deployment
  job?: Job
  /** of the objects above, when they could be read: they sharpen sentences, hardly any verdict rests on them */
  events?: readonly KubeEvent[]
  /** pods of any version are still ending, so that quota may become free */
  draining?: boolean
  /** milliseconds since 1970, by the clock that {@link DiagnosisInput.firstSeen} is kept by */
  now: number
  /**
   * What was seen before: symptom key → milliseconds. The caller keeps one map per workload and rollout and passes it
   * again; {@link diagnose} adds what is new and forgets what is over. It is the only memory there is.
   */
  firstSeen: Map<string, number>
  grace?: Partial<Grace>
}

/** What is wrong with a new version, from the status of its objects alone. */
export function diagnose(_input: DiagnosisInput): Diagnosis {
  return { symptoms: [] }
}
