import type { ObjectRef } from '../shared/objects.ts'

/** What can be wrong with a new version; the word for programs. */
export type SymptomCode =
  | 'image-pull'
  | 'crash-loop'
  | 'oom'
  | 'liveness'
  | 'startup'
  | 'init'
  | 'missing-config'
  | 'security-context'
  | 'create-container'
  | 'volume'
  | 'sandbox'
  | 'unschedulable'
  | 'readiness'
  | 'starting'
  | 'evicted'
  | 'node'
  | 'pod-failed'
  | 'quota'
  | 'limit-range'
  | 'pod-security'
  | 'admission'
  | 'service-account'
  | 'create-pod'
  | 'job-failed'
  | 'no-progress'
  | 'controller'

/** One thing that is wrong with one object (or one container of it), as its status shows it now. */
export interface Symptom {
  code: SymptomCode
  /** same while the same thing is wrong with the same object, e.g. `crash-loop/<pod uid>/<container>` */
  key: string
  /** `now`: waiting cannot help; `after-grace`: fatal when it lasts longer than its grace; `never`: only told */
  fatal: 'now' | 'after-grace' | 'never'
  /** 1 container, 2 pod, 3 ReplicaSet or Job, 4 Deployment: the smaller, the nearer to the cause */
  depth: 1 | 2 | 3 | 4
  object: ObjectRef
  container?: string
  /** what is, for people; starts with the object's name */
  sentence: string
  /** the next move */
  hint: string
  /** last answer, condition or message that the sentence rests on, unshortened */
  detail?: string
  wantsLogs?: LogRequest
  /** milliseconds since 1970 when it was first seen by this run */
  since: number
  /** milliseconds since 1970 when it becomes fatal, for `after-grace` */
  fatalAt?: number
}

/** Which log shows the cause. `previous` may be refused by the kubelet: ask again without it then. */
export interface LogRequest {
  pod: string
  namespace?: string
  container: string
  previous: boolean
}

/** An object whose status does not say what is wrong with it, though its events may. */
export interface Unexplained {
  object: ObjectRef
  /** milliseconds since 1970 when this was first seen */
  since: number
}

export interface Diagnosis {
  /** deepest first; within a depth the fatal ones first, then the oldest */
  symptoms: Symptom[]
  /** the deepest one that ends the rollout */
  fatal?: Symptom
  /** milliseconds since 1970 when the next grace runs out: look again then, even if nothing changes */
  nextCheckAt?: number
  /** longest first; absent when there is none */
  unexplained?: Unexplained[]
}
