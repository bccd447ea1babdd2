/**
 * How long a symptom may last before it is fatal, in milliseconds. Each is as short as its own way of getting well
 * allows: what nothing in the cluster mends (a tag that does not exist) gets just enough for a second look, what other
 * parts are still at work on (scheduling, a Secret that an operator writes) gets their usual time.
 */
export interface Grace {
  /** registry said: not found, unauthorized, no such platform */
  imagePull: number
  /** pull failed for a reason that the status does not name, or by a certificate */
  imagePullUnknown: number
  /** ConfigMap, Secret or key that a container needs is missing; an operator may be about to write it */
  missingConfig: number
  /** container cannot be created or started for a reason that may lie with the node */
  createContainer: number
  /** crash loop whose runs last long */
  slowCrash: number
  /** longest run, start to end, that still counts as a quick exit */
  quickExit: number
  /** no node fits; a cluster autoscaler may be about to answer */
  unschedulable: number
  /** quota is full; pods that end may make room */
  quota: number
  /** pods are refused for a reason of no known kind, or a missing ServiceAccount */
  createPod: number
  /** running but not ready for so long that it is worth telling (never fatal) */
  notReady: number
  /** still starting for so long that it is worth telling (never fatal) */
  starting: number
}

export const GRACE: Grace = {
  imagePull: 3_000,
  imagePullUnknown: 20_000,
  missingConfig: 8_000,
  createContainer: 10_000,
  slowCrash: 30_000,
  quickExit: 60_000,
  unschedulable: 30_000,
  quota: 10_000,
  createPod: 10_000,
  notReady: 10_000,
  starting: 30_000,
}
