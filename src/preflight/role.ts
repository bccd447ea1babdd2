import type { Need } from './needs.ts'

/** One rule of a Role. */
export interface PolicyRule {
  groups: string[]
  resources: string[]
  names: string[]
  verbs: string[]
}

export interface RoleRules {
  /** undefined: cluster-scoped, a ClusterRole */
  namespace: string | undefined
  rules: PolicyRule[]
}

/** The order in which people write verbs. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

function byVerb(a: string, b: string): number {
  return VERBS.indexOf(a) - VERBS.indexOf(b)
}

/**
 * The fewest rules that hold the needs, per namespace and last for the cluster; a need with a name that a wider one
 * covers is left out.
 */
export function rulesOf(needs: readonly Need[]): RoleRules[] {
  const namespaces = [...new Set(needs.flatMap(({ namespace }) => namespace ?? []))].toSorted()
  return [...namespaces, undefined]
    .map((namespace) => ({ namespace, rules: merge(needs.filter((need) => need.namespace === namespace)) }))
    .filter(({ rules }) => rules.length > 0)
}

function resourceText({ resource, subresource }: Need): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`
}

function merge(needs: readonly Need[]): PolicyRule[] {
  const wide = new Set(
    needs
      .filter(({ name }) => name === undefined)
      .map(({ verb, ...need }) => `${verb} ${need.group}/${resourceText({ verb, ...need })}`),
  )
  const kept = needs.filter(
    (need) => need.name === undefined || !wide.has(`${need.verb} ${need.group}/${resourceText(need)}`),
  )
  // First the verbs of each single thing, then the names that take the same verbs, then the resources of one group.
  const single = fold(
    kept.map((need) => ({
      groups: [need.group],
      resources: [resourceText(need)],
      names: need.name === undefined ? [] : [need.name],
      verbs: [need.verb],
    })),
    'verbs',
  )
  const named = fold(single, 'names')
  return fold(named, 'resources').toSorted((a, b) => (ruleKey(a) < ruleKey(b) ? -1 : 1))
}

/** Rules that differ only in one list, as one. A rule without names is for all names, and never one with a rule that has some. */
function fold(rules: readonly PolicyRule[], list: 'verbs' | 'names' | 'resources'): PolicyRule[] {
  const groups = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const others = { ...rule, [list]: list === 'names' ? rule.names.length === 0 : null }
    const key = JSON.stringify(others)
    const known = groups.get(key)
    const union = [...new Set([...(known?.[list] ?? []), ...rule[list]])]
    groups.set(key, { ...rule, [list]: list === 'verbs' ? union.toSorted(byVerb) : union.toSorted() })
  }
  return [...groups.values()]
}

function ruleKey({ groups, resources, names }: PolicyRule): string {
  return `${groups.join()}/${resources.join()}/${names.join()}`
}

/** A name as it may stand in a YAML list. */
function quoted(text: string): string {
  return /^[a-z][a-z0-9./-]*$/.test(text) &&
    !['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'].includes(text)
    ? text
    : JSON.stringify(text)
}

function listText(items: readonly string[]): string {
  return `[${items.map(quoted).join(', ')}]`
}

/** One rule on one line, as YAML takes it. */
export function ruleText({ groups, resources, names, verbs }: PolicyRule): string {
  const named = names.length === 0 ? '' : `, resourceNames: ${listText(names)}`
  return `{apiGroups: ${listText(groups)}, resources: ${listText(resources)}${named}, verbs: ${listText(verbs)}}`
}

/** The least Role (per namespace) and ClusterRole that hold the needs, as YAML. */
export function roleFor(needs: readonly Need[], name = 'headgate'): string {
  return rulesOf(needs)
    .map(({ namespace, rules }) =>
      [
        'apiVersion: rbac.authorization.k8s.io/v1',
        `kind: ${namespace === undefined ? 'ClusterRole' : 'Role'}`,
        'metadata:',
        `  name: ${quoted(name)}`,
        ...(namespace === undefined ? [] : [`  namespace: ${quoted(namespace)}`]),
        'rules:',
        ...rules.flatMap(ruleLines),
        '',
      ].join('\n'),
    )
    .join('---\n')
}

function ruleLines({ groups, resources, names, verbs }: PolicyRule): string[] {
  return [
    `  - apiGroups: ${listText(groups)}`,
    `    resources: ${listText(resources)}`,
    ...(names.length === 0 ? [] : [`    resourceNames: ${listText(names)}`]),
    `    verbs: ${listText(verbs)}`,
  ]
}
