import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import type { Store } from '../store.ts'
import { listAt, mapAt, mapsAt, textAt, plainText } from '../values.ts'
import type { User } from './request.ts'

export interface Attributes {
  verb: string
  group: string
  /** with the subresource, e.g. `deployments/scale` */
  resource: string
  namespace: string
  name: string
}

const RBAC = 'rbac.authorization.k8s.io'

/** Why the user may: undefined when nothing allows it. */
export function allowedBy(store: Store, user: User, wanted: Attributes): string | undefined {
  if (user.groups.includes('system:masters')) return ''
  for (const { rule, binding, role } of rulesOf(store, user, wanted.namespace))
    if (ruleAllows(rule, wanted)) return `RBAC: allowed by ${describe(binding, role, user)}`
  return undefined
}

/** All rules of a user in a namespace; for the namespace '' only those that hold everywhere. */
export function rulesOf(
  store: Store,
  user: User,
  namespace: string,
): { rule: JsonMap; binding: KubeObject; role: KubeObject }[] {
  const bindings = [
    ...store.list(`${RBAC}/clusterrolebindings`),
    ...(namespace === '' ? [] : store.list(`${RBAC}/rolebindings`, namespace)),
  ]
  return bindings
    .filter((binding) => mapsAt(binding, 'subjects').some((subject) => isSubject(subject, user)))
    .flatMap((binding) => {
      const role = roleOf(store, binding)
      return role === undefined ? [] : mapsAt(role, 'rules').map((rule) => ({ rule, binding, role }))
    })
}

function roleOf(store: Store, binding: KubeObject): KubeObject | undefined {
  const name = textAt(binding, 'roleRef', 'name') ?? ''
  return textAt(binding, 'roleRef', 'kind') === 'ClusterRole'
    ? store.get(`${RBAC}/clusterroles`, undefined, name)
    : store.get(`${RBAC}/roles`, binding.metadata.namespace, name)
}

function isSubject(subject: JsonMap, user: User): boolean {
  switch (subject['kind']) {
    case 'User':
      return subject['name'] === user.name
    case 'Group':
      return user.groups.includes(plainText(subject['name']))
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${plainText(subject['namespace'])}:${plainText(subject['name'])}`
    default:
      return false
  }
}

function ruleAllows(rule: JsonMap, { verb, group, resource, name }: Attributes): boolean {
  const has = (key: string, value: string): boolean => listAt(rule, key).some((item) => item === '*' || item === value)
  const [, sub] = resource.split('/')
  const anySub = sub !== undefined && listAt(rule, 'resources').includes(`*/${sub}`)
  const names = listAt(rule, 'resourceNames')
  return (
    has('verbs', verb) &&
    has('apiGroups', group) &&
    (has('resources', resource) || anySub) &&
    (names.length === 0 || (name !== '' && names.includes(name)))
  )
}

function describe(binding: KubeObject, role: KubeObject, user: User): string {
  const place = binding.metadata.namespace === undefined ? '' : `/${binding.metadata.namespace}`
  const subject = mapsAt(binding, 'subjects').find((item) => isSubject(item, user)) ?? {}
  const name = `${binding.metadata.name ?? ''}${place}`
  const who = `${plainText(subject['kind'])} ${JSON.stringify(subject['name'])}`
  return `${binding.kind} "${name}" of ${role.kind} "${role.metadata.name ?? ''}" to ${who}`
}

/** The 403 about an action. */
export function forbiddenFor(user: User, wanted: Attributes): ApiError {
  const { verb, group, resource, namespace, name } = wanted
  const [plural = '', subresource] = resource.split('/')
  const qualified = group === '' ? plural : `${plural}.${group}`
  const object = name === '' ? qualified : `${qualified} "${name}"`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const what = `${plural}${subresource === undefined ? '' : `/${subresource}`}`
  const message = `${object} is forbidden: User ${JSON.stringify(user.name)} cannot ${verb} resource "${what}" in API group "${group}" ${where}`
  const details = { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural }
  return new ApiError(403, 'Forbidden', message, details)
}

/** The status of a SelfSubjectRulesReview. */
export function rulesReview(store: Store, user: User, namespace: string): JsonMap {
  const open: JsonMap[] = [
    {
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    },
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  ]
  const all: JsonMap[] = user.groups.includes('system:masters')
    ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    : []
  const rules = rulesOf(store, user, namespace).map(({ rule }) => ({
    verbs: listAt(rule, 'verbs'),
    apiGroups: listAt(rule, 'apiGroups'),
    resources: listAt(rule, 'resources'),
    ...(listAt(rule, 'resourceNames').length === 0 ? {} : { resourceNames: listAt(rule, 'resourceNames') }),
  }))
  return {
    resourceRules: [...all, ...open, ...rules],
    nonResourceRules: [
      {
        verbs: ['get'],
        nonResourceURLs: [
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
          '/healthz',
          '/livez',
          '/openapi',
          '/openapi/*',
          '/readyz',
          '/version',
          '/version/',
        ],
      },
    ],
    incomplete: false,
  }
}

/** Answers the reviews that are asked and not stored. */
export function review(store: Store, kind: string, body: KubeObject, user: User): KubeObject {
  const answer: KubeObject = { ...body, metadata: { ...body.metadata } }
  if (kind === 'SelfSubjectReview')
    return {
      ...answer,
      status: { userInfo: { username: user.name, uid: user.name, groups: [...user.groups, 'system:authenticated'] } },
    }
  if (kind === 'SelfSubjectRulesReview')
    return { ...answer, status: rulesReview(store, user, textAt(body, 'spec', 'namespace') ?? '') }
  const spec = mapAt(body, 'spec', 'resourceAttributes')
  const who: User =
    kind === 'SubjectAccessReview'
      ? { name: textAt(body, 'spec', 'user') ?? '', groups: listAt(body, 'spec', 'groups').map(String) }
      : user
  const subresource = textAt(spec, 'subresource')
  const reason = allowedBy(store, who, {
    verb: textAt(spec, 'verb') ?? '',
    group: textAt(spec, 'group') ?? '',
    resource: `${textAt(spec, 'resource') ?? ''}${subresource === undefined ? '' : `/${subresource}`}`,
    namespace: textAt(spec, 'namespace') ?? '',
    name: textAt(spec, 'name') ?? '',
  })
  if (reason === undefined) return { ...answer, status: { allowed: false } }
  return { ...answer, status: reason === '' ? { allowed: true } : { allowed: true, reason } }
}
