import { refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import type { Deployment, Job, KubeObject, Service } from '../shared/objects.ts'
import { groupKindOf, groupOf, isDeployment, isService, templatePathOf } from './workload.ts'

/**
 * What pods need before they can start, in waves: a wave is accepted before the next is sent. The order is that of
 * dependence: a namespace before what lives in it, a kind before its objects, rights and limits before configuration.
 */
const WAVES: readonly (readonly string[])[] = [
  ['/Namespace'],
  ['apiextensions.k8s.io/CustomResourceDefinition'],
  [
    'scheduling.k8s.io/PriorityClass',
    'node.k8s.io/RuntimeClass',
    'storage.k8s.io/StorageClass',
    'networking.k8s.io/IngressClass',
    '/ServiceAccount',
    'rbac.authorization.k8s.io/ClusterRole',
    'rbac.authorization.k8s.io/Role',
    '/ResourceQuota',
    '/LimitRange',
    'networking.k8s.io/NetworkPolicy',
  ],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', 'rbac.authorization.k8s.io/RoleBinding'],
  [
    '/ConfigMap',
    '/Secret',
    '/PersistentVolume',
    '/PersistentVolumeClaim',
    '/Endpoints',
    'discovery.k8s.io/EndpointSlice',
  ],
]

/** Custom kinds whose controllers make Secrets or certificates that pods mount: they come with the configuration. */
const MAKES_SECRETS: ReadonlySet<string> = new Set([
  'external-secrets.io',
  'bitnami.com',
  'secrets-store.csi.x-k8s.io',
  'cert-manager.io',
  'secrets.hashicorp.com',
])

function waveOf(object: KubeObject): number | undefined {
  const key = groupKindOf(object)
  const found = WAVES.findIndex((kinds) => kinds.includes(key))
  if (found >= 0) return found
  return MAKES_SECRETS.has(groupOf(object)) ? WAVES.length - 1 : undefined
}

/** The supporting objects in waves, none of them empty; inside a wave they keep the order of the manifests. */
export function waves(objects: readonly KubeObject[]): KubeObject[][] {
  return WAVES.map((_, wave) => objects.filter((object) => waveOf(object) === wave)).filter((wave) => wave.length > 0)
}

/** A release's objects by the part they play. Every object is in exactly one list, in manifest order. */
export interface Classified {
  /** what pods need before they start, in waves */
  supporting: KubeObject[][]
  services: Service[]
  workloads: Deployment[]
  /** applied and awaited without steps: StatefulSet, DaemonSet, CronJob, plain Job, ReplicaSet, Pod … */
  otherWorkloads: KubeObject[]
  /** Jobs named by a `job` step: not applied with the rest */
  stepJobs: Job[]
  /** what points at Services and workloads (HPA, PDB, Ingress, routes), and every kind not named here */
  pointing: KubeObject[]
}

function isJob(object: KubeObject): object is Job {
  return groupKindOf(object) === 'batch/Job'
}

/**
 * Sorts a release's objects by the part they play.
 * @param jobNames names in `job` steps; one without a Job in the manifests is refused (`job-missing`)
 */
export function classify(objects: readonly KubeObject[], jobNames: Iterable<string> = []): Classified {
  const wanted = new Set(jobNames)
  const sorted: Classified = {
    supporting: waves(objects),
    services: [],
    workloads: [],
    otherWorkloads: [],
    stepJobs: [],
    pointing: [],
  }
  for (const object of objects) {
    if (waveOf(object) !== undefined) continue
    if (isService(object)) sorted.services.push(object)
    else if (isDeployment(object)) sorted.workloads.push(object)
    else if (isJob(object) && wanted.has(object.metadata.name ?? '')) sorted.stepJobs.push(object)
    else if (templatePathOf(object) !== undefined) sorted.otherWorkloads.push(object)
    else sorted.pointing.push(object)
  }
  refuseMissingJobs(objects, wanted)
  return sorted
}

function refuseMissingJobs(objects: readonly KubeObject[], wanted: ReadonlySet<string>): void {
  const jobs = objects.filter(isJob).map(({ metadata }) => metadata.name ?? '')
  for (const name of wanted) {
    if (jobs.includes(name)) continue
    const near = nearest(name, jobs)
    const hint = near === undefined ? `the manifests have ${jobs.join(', ') || 'no Job'}` : `did you mean ${near}?`
    throw refuse('job-missing', `Job ${name}, which a step or a check runs, is not among the manifests; ${hint}`, {
      next: `Add the Job ${name} to the manifests, or correct the name in steps or checks.`,
    })
  }
}
