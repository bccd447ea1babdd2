import { groupOf } from '../manifests/workload.ts'
import { keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, title, type Workload, workloadsOf } from './subject.ts'

/** Another tool that acts on an object, and how it is told. */
interface Manager {
  name: string
  /** it moves pods or traffic by itself, so that two would fight; the others only apply */
  moves: boolean
  /** labels or annotations, or what their keys begin with */
  marks: readonly string[]
  /** API groups of owners */
  owners: readonly string[]
  /** field managers, or what they begin with */
  fields: readonly string[]
  mend: string
}

const MOVER = 'remove its object for this workload first, or deploy this workload with it'

const MANAGERS: readonly Manager[] = [
  {
    name: 'Argo Rollouts',
    moves: true,
    marks: ['rollout.argoproj.io/', 'rollouts.argoproj.io/'],
    owners: ['argoproj.io'],
    fields: ['rollouts-controller', 'argo-rollouts'],
    mend: MOVER,
  },
  { name: 'Flagger', moves: true, marks: ['flagger.app/'], owners: ['flagger.app'], fields: ['flagger'], mend: MOVER },
  {
    name: 'OpenKruise Rollouts',
    moves: true,
    marks: ['rollouts.kruise.io/'],
    owners: ['rollouts.kruise.io', 'apps.kruise.io'],
    fields: ['kruise-rollout'],
    mend: MOVER,
  },
  {
    name: 'Argo CD',
    moves: false,
    marks: ['argocd.argoproj.io/'],
    owners: [],
    fields: ['argocd'],
    mend: 'exclude the object there, or switch its self-heal off while a rollout is under way',
  },
  {
    name: 'Flux',
    moves: false,
    marks: ['kustomize.toolkit.fluxcd.io/', 'helm.toolkit.fluxcd.io/'],
    owners: ['kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io'],
    fields: ['kustomize-controller', 'helm-controller'],
    mend: 'annotate the object with kustomize.toolkit.fluxcd.io/reconcile: disabled, or suspend the Kustomization while a rollout is under way',
  },
  {
    name: 'Helm',
    moves: false,
    marks: ['meta.helm.sh/release-name'],
    owners: [],
    fields: ['helm'],
    mend: 'do not run helm upgrade for this release while a rollout is under way',
  },
]

/** other-manager: somebody else acts on the object, and would undo or fight what is written here. */
export function managerRules(input: PreflightInput): Finding[] {
  const findings = input.objects.flatMap((released) => {
    const live = input.live.get(keyOf(refOf(released.object)))
    return live === undefined ? [] : managersOf(live).map((manager) => managerFinding(input, released, manager))
  })
  return [...merged(findings), ...controllerRules(input)]
}

function managerFinding(
  input: PreflightInput,
  released: ReleaseObject,
  { name, moves, fields, mend }: Manager,
): Finding {
  const taken = input.takeOver?.some((field) => isFieldManager(field, fields))
  return findingAt(released, [], {
    id: 'other-manager',
    severity: moves ? 'error' : taken === true ? 'info' : 'warning',
    reason: moves
      ? `${title(released.object)} is moved by ${name}, which would fight over its pods and traffic`
      : `${title(released.object)} is also applied by ${name}, which may put its own state back in the middle of a rollout`,
    mend,
  })
}

/** Names of the tools that move pods or traffic by themselves and have this object. */
export function moversOf(object: KubeObject): string[] {
  return managersOf(object)
    .filter(({ moves }) => moves)
    .map(({ name }) => name)
}

/** Tools of an object by its live labels, annotations, owners and field managers. */
function managersOf({ metadata }: KubeObject): Manager[] {
  const { labels = {}, annotations = {}, ownerReferences = [], managedFields = [] } = metadata
  const keys = [...Object.keys(labels), ...Object.keys(annotations)]
  const groups = ownerReferences.filter(({ controller }) => controller === true).map((owner) => groupOf(owner))
  // A tool's status writes are no claim on the object.
  const fields = managedFields.filter(({ subresource }) => subresource === undefined).map(({ manager = '' }) => manager)
  return MANAGERS.filter(
    ({ marks, owners, fields: known }) =>
      keys.some((key) => marks.some((mark) => key.startsWith(mark))) ||
      groups.some((group) => owners.includes(group)) ||
      fields.some((field) => isFieldManager(field, known)),
  )
}

function isFieldManager(field: string, known: readonly string[]): boolean {
  return known.some((start) => field === start || field.startsWith(`${start}-`))
}

/** A tool that applies all objects of a release is told once, at the first of them. */
function merged(findings: readonly Finding[]): Finding[] {
  const first = new Map<string, { finding: Finding; count: number }>()
  for (const finding of findings) {
    const key = finding.severity === 'error' ? finding.reason : finding.mend
    const known = first.get(key)
    if (known === undefined) first.set(key, { finding, count: 1 })
    else known.count++
  }
  return [...first.values()].map(({ finding, count }) =>
    count === 1
      ? finding
      : {
          ...finding,
          reason: `${finding.reason} (and ${count - 1} more object${count === 2 ? '' : 's'} of the release)`,
        },
  )
}

/** controlled: an owner that this list does not know, which puts the workload back to its own template. */
function controllerRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => ownedRule(workload))
}

function ownedRule({ live, released, manifest }: Workload): Finding[] {
  const owner = live?.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined || MANAGERS.some(({ owners }) => owners.includes(groupOf(owner)))) return []
  return [
    findingAt(released, [], {
      id: 'controlled',
      severity: 'error',
      reason: `${title(manifest)} is controlled by ${owner.kind}/${owner.name}, which puts its own template back`,
      mend: `change ${owner.kind}/${owner.name} instead`,
    }),
  ]
}
