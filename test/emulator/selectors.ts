/** Label and field selectors: as objects hold them and as queries write them. */
import type { Json, JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { badRequest } from './errors.ts'
import { at, isMap, mapsAt, texts, plainText } from './values.ts'

/** A LabelSelector (`matchLabels`, `matchExpressions`) against labels. Nothing selected by no selector. */
export function selectorMatches(selector: Json | undefined, labels: Record<string, string>): boolean {
  if (!isMap(selector)) return false
  for (const [key, value] of Object.entries(texts(selector['matchLabels']))) if (labels[key] !== value) return false
  return mapsAt(selector, 'matchExpressions').every((expression) => expressionMatches(expression, labels))
}

function expressionMatches(expression: JsonMap, labels: Record<string, string>): boolean {
  const value = labels[plainText(expression['key'])]
  const values = Array.isArray(expression['values']) ? expression['values'] : []
  switch (expression['operator']) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default:
      return false
  }
}

/** A plain map of labels, as Services select. An empty one selects nothing. */
export function mapMatches(selector: Json | undefined, labels: Record<string, string>): boolean {
  const wanted = Object.entries(texts(selector))
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

type Test = (labels: Record<string, string>) => boolean

/** The `labelSelector` of a query. */
export function parseLabelSelector(text: string): Test {
  const tests = splitOutside(text).map(parseRequirement)
  return (labels) => tests.every((test) => test(labels))
}

function splitOutside(text: string): string[] {
  return (text.match(/(?:[^,(]|\([^)]*\))+/g) ?? []).map((part) => part.trim()).filter((part) => part !== '')
}

function parseRequirement(text: string): Test {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (labels) => {
      const value = labels[key]
      return operator === 'in'
        ? value !== undefined && values.includes(value)
        : value === undefined || !values.includes(value)
    }
  }
  const comparison = /^([^!=\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(text)
  if (comparison !== null) {
    const [, key = '', operator, wanted = ''] = comparison
    return (labels) => (operator === '!=' ? labels[key] !== wanted : labels[key] === wanted)
  }
  const absent = /^!\s*(\S+)$/.exec(text)
  if (absent !== null) return (labels) => labels[absent[1] ?? ''] === undefined
  if (/^[^!=\s()]+$/.test(text)) return (labels) => labels[text] !== undefined
  const second = /^\S+\s+(\S+)/.exec(text)?.[1]
  const expected = second === undefined ? "!, identifier, or ')'" : 'in, notin, =, ==, !=, gt, lt'
  throw badRequest(`unable to parse requirement: found '${second ?? text}', expected: ${expected}`)
}

const ANY_KIND = ['metadata.name', 'metadata.namespace']
const FIELDS: Record<string, string[]> = {
  '/pods': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  '/events': [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  '/secrets': ['type'],
  '/namespaces': ['status.phase'],
  '/services': ['spec.clusterIP', 'spec.type'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
}

/** The `fieldSelector` of a query; only the fields that the server knows for the resource. */
export function parseFieldSelector(resource: string, text: string): (object: KubeObject) => boolean {
  const tests = text.split(',').map((part) => {
    const [, field = '', operator = '', wanted = ''] = /^([^!=]+)(==|=|!=)(.*)$/.exec(part.trim()) ?? []
    if (field === '') throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`)
    const own = FIELDS[resource]
    if (!ANY_KIND.includes(field) && own?.includes(field) !== true)
      throw badRequest(
        own === undefined
          ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
          : `field label not supported: ${field}`,
      )
    const path = field.split('.')
    return (object: KubeObject): boolean => {
      const value = plainText(at(object, ...path))
      return operator === '!=' ? value !== wanted : value === wanted
    }
  })
  return (object) => tests.every((test) => test(object))
}
