/**
 * As much OpenAPI as `kubectl apply` asks for before it leaves validation to the server: which kinds there are and that
 * their PATCH takes `fieldValidation`.
 */
import type { JsonMap } from '../../../src/shared/objects.ts'
import type { Resource, Resources } from '../resources.ts'
import { type Answer, type ApiRequest, jsonAnswer } from './request.ts'

function pathOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`
}

export function openApiAnswer(resources: Resources, request: ApiRequest): Answer | undefined {
  if (request.path === '/openapi/v3') {
    const paths: JsonMap = {}
    for (const { apiVersion } of resources.all)
      paths[pathOf(apiVersion)] = { serverRelativeURL: `/openapi/v3/${pathOf(apiVersion)}?hash=1` }
    return jsonAnswer(200, { paths })
  }
  const [, path = ''] = /^\/openapi\/v3\/(.*)$/.exec(request.path) ?? []
  const list = resources.all.filter((resource) => pathOf(resource.apiVersion) === path)
  if (list.length === 0) return undefined
  return jsonAnswer(200, {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.3' },
    paths: Object.fromEntries(list.map((resource) => [resourcePath(resource), operations(resource)])),
    components: { schemas: {} },
  })
}

function resourcePath(resource: Resource): string {
  const namespace = resource.namespaced ? 'namespaces/{namespace}/' : ''
  return `/${pathOf(resource.apiVersion)}/${namespace}${resource.plural}/{name}`
}

function operations(resource: Resource): JsonMap {
  const { group, version, kind } = resource
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }))
  const gvk = { group, version, kind }
  return {
    patch: { parameters, responses: {}, 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': gvk },
  }
}
