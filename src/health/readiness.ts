import type { Condition, DeploymentSpec, KubeObject } from '../shared/objects.ts'

export interface Readiness {
  done: boolean
  /** one short sentence without the object's name: what is so, or what is waited for */
  text: string
  /** set when waiting on cannot help */
  failure?: { code: string; message: string }
}

/** What an object's own status does not say. */
export interface ReadinessExtra {
  /** `volumeBindingMode` of a claim's StorageClass, when it could be read */
  volumeBindingMode?: string
}

/** Status fields of all kinds that are looked at; every one may be absent, above all right after the object was made. */
interface Status {
  observedGeneration?: number
  conditions?: Condition[]
  phase?: string
  reason?: string
  message?: string
  replicas?: number
  updatedReplicas?: number
  readyReplicas?: number
  availableReplicas?: number
  currentRevision?: string
  updateRevision?: string
  desiredNumberScheduled?: number
  updatedNumberScheduled?: number
  numberAvailable?: number
  succeeded?: number
  active?: number
}

interface Spec extends Partial<DeploymentSpec> {
  updateStrategy?: { type?: string; rollingUpdate?: { partition?: number } }
  suspend?: boolean
  completions?: number
}

const ok = (text: string): Readiness => ({ done: true, text })
const waiting = (text: string): Readiness => ({ done: false, text })
const failed = (code: string, message: string): Readiness => ({
  done: false,
  text: message,
  failure: { code, message },
})

/**
 * Whether an object is as its spec asks, for its kind. The rules are those of `kubectl rollout status` where it has
 * some: first that the controller has seen this generation, then its counts. A kind without a rule is done once it is
 * there.
 */
export function readiness(object: KubeObject, extra: ReadinessExtra = {}): Readiness {
  // Raw JSON of the API server meets the types here.
  const status = (object.status ?? {}) as Status
  const spec = (object.spec ?? {}) as Spec
  if (object.metadata.deletionTimestamp !== undefined) return failed('deleted', 'it is being deleted')
  const group = object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : ''
  switch (`${group}/${object.kind}`) {
    case 'apps/Deployment':
      return unseen(object, status) ?? deployment(spec, status)
    case 'apps/StatefulSet':
      return unseen(object, status) ?? statefulSet(spec, status)
    case 'apps/DaemonSet':
      return unseen(object, status) ?? daemonSet(spec, status)
    case 'batch/Job':
      return job(spec, status)
    case '/Pod':
      return pod(status)
    case '/PersistentVolumeClaim':
      return claim(status, extra)
    case '/Namespace':
      return status.phase === 'Active' ? ok('active') : waiting('to become active')
    case 'apiextensions.k8s.io/CustomResourceDefinition':
      return definition(status)
    default:
      return ok('there')
  }
}

function condition(status: Status, type: string): Condition | undefined {
  return status.conditions?.find((entry) => entry.type === type)
}

function isTrue(status: Status, type: string): boolean {
  return condition(status, type)?.status === 'True'
}

/** Counts of a controller that has not seen the last change are counts of the old spec. */
function unseen(object: KubeObject, status: Status): Readiness | undefined {
  const seen = (status.observedGeneration ?? 0) >= (object.metadata.generation ?? 0)
  return seen ? undefined : waiting('for its controller to see the change')
}

function pods(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`
}

function deployment(spec: Spec, status: Status): Readiness {
  const wanted = spec.replicas ?? 1
  const { updatedReplicas: updated = 0, replicas = 0, availableReplicas: available = 0 } = status
  if (spec.paused === true) return failed('paused', 'it is paused, so its template is not rolled out')
  const progressing = condition(status, 'Progressing')
  if (progressing?.reason === 'ProgressDeadlineExceeded')
    return failed('no-progress', `it made no progress for ${spec.progressDeadlineSeconds ?? 600} s`)
  if (updated < wanted) return waiting(`${updated} of ${pods(wanted)} updated`)
  if (replicas > updated) return waiting(`for ${pods(replicas - updated)} of the old version to end`)
  if (available < updated) return waiting(`${available} of ${pods(updated)} available`)
  return ok(`${pods(wanted)} available`)
}

function statefulSet(spec: Spec, status: Status): Readiness {
  if (spec.updateStrategy?.type === 'OnDelete') return ok('changes its pods only when they are deleted (OnDelete)')
  const wanted = spec.replicas ?? 1
  const { readyReplicas: ready = 0, updatedReplicas: updated = 0 } = status
  if (ready < wanted) return waiting(`${ready} of ${pods(wanted)} ready`)
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0
  if (partition > 0) {
    const share = Math.max(0, wanted - partition)
    return updated < share
      ? waiting(`${updated} of ${pods(share)} updated`)
      : ok(`${pods(share)} updated (partition ${partition})`)
  }
  if (status.updateRevision !== status.currentRevision) return waiting(`${updated} of ${pods(wanted)} updated`)
  return ok(`${pods(wanted)} ready`)
}

function daemonSet(spec: Spec, status: Status): Readiness {
  if (spec.updateStrategy?.type === 'OnDelete') return ok('changes its pods only when they are deleted (OnDelete)')
  const {
    desiredNumberScheduled: wanted = 0,
    updatedNumberScheduled: updated = 0,
    numberAvailable: available = 0,
  } = status
  if (updated < wanted) return waiting(`${updated} of ${pods(wanted)} updated`)
  if (available < wanted) return waiting(`${available} of ${pods(wanted)} available`)
  return ok(`${pods(wanted)} available`)
}

function job(spec: Spec, status: Status): Readiness {
  if (isTrue(status, 'Complete')) return ok('completed')
  // FailureTarget comes first, while the last pods are still being ended; the verdict is final already.
  const verdict = [condition(status, 'Failed'), condition(status, 'FailureTarget')].find((c) => c?.status === 'True')
  if (verdict !== undefined) return failed('job-failed', verdict.message ?? verdict.reason ?? 'it failed')
  if (spec.suspend === true) return ok('suspended')
  return waiting(`${status.succeeded ?? 0} of ${spec.completions ?? 1} completed`)
}

function pod(status: Status): Readiness {
  if (status.phase === 'Succeeded') return ok('completed')
  if (status.phase === 'Failed') return failed('pod-failed', status.message ?? status.reason ?? 'it failed')
  return isTrue(status, 'Ready') ? ok('ready') : waiting('to become ready')
}

/**
 * A claim of a class that binds with its first consumer stays Pending until a pod uses it, and pods come later: so
 * Pending is enough unless the class is known to bind at once. A volume that never comes shows in the pods.
 */
function claim(status: Status, extra: ReadinessExtra): Readiness {
  if (status.phase === 'Bound') return ok('bound')
  if (status.phase === 'Lost') return failed('volume-lost', 'its volume is lost')
  return extra.volumeBindingMode === 'Immediate' ? waiting('for a volume') : ok('bound when a pod uses it')
}

function definition(status: Status): Readiness {
  const names = condition(status, 'NamesAccepted')
  if (names?.status === 'False') return failed('names-taken', names.message ?? 'its names are taken')
  return isTrue(status, 'Established') ? ok('established') : waiting('to be established')
}
