import { groupKindOf, valueAt } from '../manifests/workload.ts'
import { type Json, keyOf, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { DryRunResult, PreflightInput, ReleaseObject } from './input.ts'
import { parseQuantity } from './quantity.ts'
import { ownSelectorRules } from './selectors.ts'
import { findingAt, title } from './subject.ts'

type Refusal = DryRunResult & { kind: 'error' }

/** Findings from what the server said to the dry run. */
export function dryRunRules(input: PreflightInput): Finding[] {
  return input.objects.flatMap((released): Finding[] => {
    const answer = input.dryRuns?.get(keyOf(refOf(released.object)))
    if (answer === undefined) return []
    return answer.kind === 'ok' ? warnings(released, answer.warnings ?? []) : refusals(input, released, answer)
  })
}

/** Wrong types, such as a mapping where a list has to be: the rules cannot read such manifests. */
export function isMisshapen(answer: DryRunResult): boolean {
  return answer.kind === 'error' && mistyped(answer.message).length > 0
}

/** Warnings that the API server sends along: deprecated versions, pods that Pod Security would not let in. */
function warnings(released: ReleaseObject, texts: readonly string[]): Finding[] {
  return texts.map((text) => {
    const security = /would violate PodSecurity/.test(text)
    return findingAt(released, security ? ['spec', 'template', 'spec'] : [], {
      id: security ? 'pod-security' : 'server-warning',
      severity: 'warning',
      reason: `the cluster warns about ${title(released.object)}: ${text}`,
      mend: security
        ? 'set the securityContext as the level of the namespace asks'
        : 'change the manifest as the warning says',
    })
  })
}

/** The first of these that knows the answer speaks; each looks at one kind of refusal. */
const READERS = [unseen, admission, conflict, unknownField, quantities, invalid, forbidden]

function refusals(input: PreflightInput, released: ReleaseObject, refusal: Refusal): Finding[] {
  for (const reader of READERS) {
    const findings = reader(refusal, released, input)
    if (findings !== undefined) return findings
  }
  return [
    findingAt(released, [], {
      id: 'dry-run',
      severity: 'error',
      reason: `the cluster refuses ${title(released.object)} (HTTP ${refusal.status}): ${told(released, refusal.message)}`,
      mend: 'change what the message names',
    }),
  ]
}

/** A Secret's values may be part of what the server complains about, and leave the cluster in no message. */
function told({ object }: ReleaseObject, message: string): string {
  const text = message.replaceAll(/\s+/g, ' ').trim()
  return object.kind === 'Secret'
    ? text.replaceAll(/(Invalid value: |, got |illegal base64 data|cannot unmarshal).*$/g, '$1…')
    : text
}

/** Namespace or kind is not there: right where the release brings it. */
function unseen(
  { status, message, reason }: Refusal,
  released: ReleaseObject,
  input: PreflightInput,
): Finding[] | undefined {
  if (status !== 404) return undefined
  const { object } = released
  const namespace = /namespaces "([^"]+)" not found/.exec(message)?.[1]
  if (namespace !== undefined) {
    const brings = input.objects.some(({ object }) => object.kind === 'Namespace' && object.metadata.name === namespace)
    return [
      brings
        ? later(released, `its namespace ${namespace} comes with this release`)
        : missingNamespace(released, namespace),
    ]
  }
  if (reason === 'NotFound') return undefined
  const brings = input.objects.some(({ object: other }) => definesKind(other, object.apiVersion, object.kind))
  if (brings) return [later(released, 'its kind comes with this release')]
  return [
    findingAt(released, ['apiVersion'], {
      id: 'unknown-kind',
      severity: 'error',
      reason: `the cluster does not serve ${object.kind} of ${object.apiVersion}`,
      mend: 'correct apiVersion and kind, or install the CustomResourceDefinition first',
    }),
  ]
}

function definesKind(object: ReleaseObject['object'], apiVersion: string, kind: string): boolean {
  if (groupKindOf(object) !== 'apiextensions.k8s.io/CustomResourceDefinition') return false
  const group = valueAt(object, ['spec', 'group'])
  return group === apiVersion.split('/')[0] && valueAt(object, ['spec', 'names', 'kind']) === kind
}

function later(released: ReleaseObject, why: string): Finding {
  return findingAt(released, [], {
    id: 'not-verified',
    severity: 'info',
    reason: `${title(released.object)} could not be tried before the start: ${why}`,
    mend: 'nothing to do; it is applied after what it needs',
  })
}

function missingNamespace(released: ReleaseObject, namespace: string): Finding {
  return findingAt(released, ['metadata', 'namespace'], {
    id: 'no-namespace',
    severity: 'error',
    reason: `namespace ${namespace} of ${title(released.object)} does not exist`,
    mend: 'create it, add it to the manifests, or correct the name',
  })
}

/** What an admission webhook or policy says, or that it cannot say anything without a real write. */
function admission({ message }: Refusal, released: ReleaseObject): Finding[] | undefined {
  const name = /webhook "([^"]+)"/.exec(message)?.[1]
  const webhook = name === undefined ? 'an admission webhook' : `admission webhook ${name}`
  const about = title(released.object)
  if (/does not support dry run|dry run.{0,40}not supported/i.test(message))
    return [
      findingAt(released, [], {
        id: 'not-verified',
        severity: 'info',
        reason: `${about} could not be tried before the start: ${webhook} knows no dry run`,
        mend: 'its owner may set sideEffects to None or NoneOnDryRun',
      }),
    ]
  if (/failed calling webhook/.test(message))
    return [
      findingAt(released, [], {
        id: 'webhook-down',
        severity: 'error',
        reason: `${about} cannot be written: ${webhook} does not answer (${told(released, message)})`,
        mend: 'bring the webhook back, then run again',
      }),
    ]
  const denied =
    /(?:admission webhook "[^"]+"|ValidatingAdmissionPolicy '[^']+'[^:]*) denied (?:the )?request: (.*)$/s.exec(message)
  if (denied === null) return undefined
  const [, why = ''] = denied
  return [
    findingAt(released, [], {
      id: 'admission',
      severity: 'error',
      reason: `${about} is denied by ${name === undefined ? 'an admission policy' : webhook}: ${told(released, why)}`,
      mend: 'change the manifest as the policy asks',
    }),
  ]
}

/** Fields that somebody else owns. One finding per owner, because it is the owner that is accepted by name. */
function conflict({ status, causes = [] }: Refusal, released: ReleaseObject): Finding[] | undefined {
  const owners = new Map<string, string[]>()
  for (const { message = '', field } of causes) {
    const owner = /conflict with "([^"]+)"/.exec(message)?.[1]
    if (owner !== undefined) owners.set(owner, [...(owners.get(owner) ?? []), field ?? '(a field)'])
  }
  if (status !== 409 || owners.size === 0) return undefined
  return [...owners].map(([owner, fields]) => {
    const [first = ''] = fields
    return findingAt(released, pathOf(first), {
      id: 'conflict',
      severity: 'error',
      reason: `${title(released.object)}: ${fields.slice(0, 5).join(', ')}${fields.length > 5 ? ` and ${fields.length - 5} more` : ''} ${fields.length === 1 ? 'is' : 'are'} owned by ${owner}, with another value`,
      mend: `leave ${fields.length === 1 ? 'the field' : 'the fields'} out of the manifest, or take them over by name: take-over: [${owner}]`,
    })
  })
}

/** Server-side apply answers a field outside of the schema with HTTP 500, other requests with 400. */
function unknownField({ message }: Refusal, released: ReleaseObject): Finding[] | undefined {
  const declared = [...message.matchAll(/(\.[^\s:]+): field not declared in schema/g)].map(([, field = '']) => field)
  const strict = [...message.matchAll(/unknown field "([^"]+)"/g)].map(([, field = '']) => `.${field}`)
  const typed = mistyped(message).map(({ field, what }) => invalidFinding(released, field, what))
  const unknown = [...declared, ...strict].map((field) =>
    findingAt(released, pathOf(field), {
      id: 'unknown-field',
      severity: 'error',
      reason: `${title(released.object)} has the field ${field}, which the cluster does not know`,
      mend: 'correct its spelling or its indentation',
    }),
  )
  const findings = [...typed, ...unknown]
  return findings.length === 0 ? undefined : findings
}

/** Fields with a value of another type than their own; several stand on a line each. */
function mistyped(message: string): { field: string; what: string }[] {
  return [...message.matchAll(/\s(\.[^\s:]+): (expected .*)$/gm)].map(([, field = '', what = '']) => ({ field, what }))
}

/** Mappings and fields that hold quantities. */
const QUANTITIES = /^(requests|limits|hard|default|defaultRequest|min|max|maxLimitRequestRatio|capacity)$/
const QUANTITY = /^(sizeLimit|averageValue|divisor)$/

/** The server says that a quantity is none, but neither which nor where. */
function quantities({ message }: Refusal, released: ReleaseObject): Finding[] | undefined {
  if (!message.includes('quantities must match')) return undefined
  const findings = wrongQuantities(released.object, []).map(({ path, value }) => {
    const field = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')
    return findingAt(released, path, {
      id: 'invalid',
      severity: 'error',
      reason: `the cluster refuses ${field} of ${title(released.object)}: "${value}" is no quantity`,
      mend: 'write a number with a unit, such as 500m, 2, 64Mi or 1Gi',
    })
  })
  return findings.length === 0 ? undefined : findings
}

function wrongQuantities(
  at: Json | undefined,
  path: (string | number)[],
): { path: (string | number)[]; value: string }[] {
  if (typeof at !== 'object' || at === null) return []
  return Object.entries(at).flatMap(([name, value]) => {
    const here = [...path, Array.isArray(at) ? Number(name) : name]
    const holds = QUANTITY.test(name) || QUANTITIES.test(String(path.at(-1)))
    if (typeof value !== 'string') return wrongQuantities(value, here)
    return holds && parseQuantity(value) === undefined ? [{ path: here, value }] : []
  })
}

function invalidFinding(released: ReleaseObject, field: string, what: string): Finding {
  return findingAt(released, pathOf(field), {
    id: 'invalid',
    severity: 'error',
    reason: `the cluster refuses ${field === '' ? 'a field' : field} of ${title(released.object)}: ${told(released, what)}`,
    mend: 'correct the manifest',
  })
}

/** What the selector rules say better, where they say it. */
const SAID_ELSEWHERE = /`selector` does not match template|field is immutable/

function invalid(
  { status, causes = [], message }: Refusal,
  released: ReleaseObject,
  input: PreflightInput,
): Finding[] | undefined {
  if (status !== 422) return undefined
  if (causes.length === 0) return [invalidFinding(released, '', message)]
  const said = ownSelectorRules({ ...input, objects: [released] }).length > 0
  return causes
    .filter(
      ({ field = '', message = '' }) =>
        !(said && SAID_ELSEWHERE.test(message) && /^spec\.(selector|template\.metadata\.labels)$/.test(field)),
    )
    .map(({ field = '', message = '' }) => invalidFinding(released, field, message))
}

function forbidden({ status, message }: Refusal, released: ReleaseObject): Finding[] | undefined {
  if (status !== 403) return undefined
  const right = /cannot (\S+) resource "([^"]+)"/.exec(message)
  return [
    findingAt(released, [], {
      id: 'forbidden',
      severity: 'error',
      reason: `${title(released.object)} may not be written: ${told(released, message)}`,
      mend:
        right === null
          ? 'change what the message names'
          : `grant ${right[1]} on ${right[2]} (the command rbac prints the least Role)`,
    }),
  ]
}

/**
 * A field as the API server writes it, such as `.spec.containers[name="app"].image` or `spec.ports[0]`, as a path. Which
 * item a key means, such as `[name="app"]`, the manifest tells.
 */
export function pathOf(field: string): (string | number)[] {
  return [...field.matchAll(/\.?([^.[\]]+)|\[([^\]]*)\]/g)].flatMap(([, key, index]): (string | number)[] => {
    if (key !== undefined) return [key]
    return index === undefined || index === '' ? [] : [/^\d+$/.test(index) ? Number(index) : `[${index}]`]
  })
}
