import type { JsonMap } from '../../../src/shared/objects.ts'
import type { Resource, Resources } from '../resources.ts'
import { textAt } from '../values.ts'
import { type Answer, type ApiRequest, jsonAnswer, textAnswer } from './request.ts'

export const VERSION = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.3',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2026-07-01T00:00:00Z',
  goVersion: 'go1.26.0',
  compiler: 'gc',
  platform: 'linux/amd64',
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** The groups that are there for everybody; undefined when the path is none of discovery's. */
export function discoveryAnswer(resources: Resources, request: ApiRequest): Answer | undefined {
  if (request.method !== 'GET') return undefined
  const path = request.path.replace(/\/$/, '')
  const aggregated = /g=apidiscovery\.k8s\.io/.test(request.headers['accept'] ?? '')
  if (path === '/version') return jsonAnswer(200, VERSION)
  if (['/readyz', '/livez', '/healthz'].includes(path)) return textAnswer(200, 'ok')
  if (path === '/api')
    return aggregated
      ? aggregate(resources, true, request)
      : jsonAnswer(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] })
  if (path === '/apis') return aggregated ? aggregate(resources, false, request) : jsonAnswer(200, groupList(resources))
  if (path === '/api/v1') return jsonAnswer(200, resourceList(resources, 'v1'))
  const [, group = '', version] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? []
  if (group === '') return undefined
  if (version === undefined) {
    const found = groupsOf(resources).get(group)
    return found === undefined
      ? undefined
      : jsonAnswer(200, { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(group, found) })
  }
  const list = resourceList(resources, `${group}/${version}`)
  return list.resources.length === 0 ? undefined : jsonAnswer(200, list)
}

function groupsOf(resources: Resources): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const { group, version } of resources.all) {
    if (group === '') continue
    const versions = groups.get(group) ?? []
    if (!versions.includes(version)) versions.push(version)
    groups.set(group, versions.sort(byStability))
  }
  return groups
}

/** v2 before v1 before v1beta1 before v1alpha1. */
function byStability(a: string, b: string): number {
  const rank = (version: string): number => {
    const [, major = '0', stage = '', minor = '0'] = /^v(\d+)(alpha|beta)?(\d+)?$/.exec(version) ?? []
    return (stage === '' ? 2e6 : stage === 'beta' ? 1e6 : 0) + Number(major) * 1e3 + Number(minor)
  }
  return rank(b) - rank(a)
}

function groupBody(name: string, versions: string[]): JsonMap {
  const list = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: list, preferredVersion: list[0] ?? null }
}

function groupList(resources: Resources): JsonMap {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: [...groupsOf(resources)].map(([name, versions]) => groupBody(name, versions)),
  }
}

function resourceList(resources: Resources, groupVersion: string): JsonMap & { resources: JsonMap[] } {
  const list = resources.all.filter((resource) => resource.apiVersion === groupVersion)
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: list.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs: verbsOf(resource),
        ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
        ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
      },
      ...subresourcesOf(resource).map((subresource) => ({
        name: `${resource.plural}/${subresource.name}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...subresource.type,
        verbs: subresource.verbs,
      })),
    ]),
  }
}

function verbsOf(resource: Resource): string[] {
  return resource.virtual === true ? ['create'] : VERBS
}

function subresourcesOf(resource: Resource): { name: string; type: JsonMap; verbs: string[] }[] {
  const own = resource.hasStatus
    ? [{ name: 'status', type: { kind: resource.kind }, verbs: ['get', 'patch', 'update'] }]
    : []
  const more = resource.subresources.map((name) => {
    switch (name) {
      case 'scale':
        return { name, type: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: ['get', 'patch', 'update'] }
      case 'eviction':
        return { name, type: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] }
      case 'log':
        return { name, type: { kind: resource.kind }, verbs: ['get'] }
      case 'proxy':
        return {
          name,
          type: { kind: `${resource.kind}ProxyOptions` },
          verbs: ['create', 'delete', 'get', 'patch', 'update'],
        }
      default:
        return { name, type: { kind: resource.kind }, verbs: ['update'] }
    }
  })
  return [...own, ...more].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function aggregate(resources: Resources, core: boolean, request: ApiRequest): Answer {
  const names = core ? new Map([['', ['v1']]]) : groupsOf(resources)
  const items = [...names].map(([group, versions]) => ({
    metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
    versions: versions.map((version) => ({
      version,
      resources: resources.all.filter((r) => r.group === group && r.version === version).map(aggregatedResource),
      freshness: 'Current',
    })),
  }))
  const version = /v=(v2\w*)/.exec(request.headers['accept'] ?? '')?.[1] ?? 'v2'
  return jsonAnswer(
    200,
    { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items },
    { 'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`, vary: 'Accept' },
  )
}

function aggregatedResource(resource: Resource): JsonMap {
  const subresources = subresourcesOf(resource).map(({ name, type, verbs }) => ({
    subresource: name,
    responseKind: {
      group: textAt(type, 'group') ?? '',
      version: textAt(type, 'version') ?? '',
      kind: textAt(type, 'kind') ?? '',
    },
    verbs,
  }))
  return {
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: verbsOf(resource),
    ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
    ...(resource.categories.length === 0 ? {} : { categories: resource.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}
