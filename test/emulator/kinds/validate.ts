/** The rules of the built-in kinds that a client can run into. */
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { duplicateValue, type FieldError, forbiddenField, invalidValue, notSupported, required } from '../errors.ts'
import type { Resource } from '../resources.ts'
import { selectorMatches } from '../selectors.ts'
import { equal, isMap, mapAt, mapsAt, numberAt, textAt, texts } from '../values.ts'

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN_TEXT = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${LABEL}(\\.${LABEL})*')`
const LABEL_TEXT = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`
const VALUE_TEXT = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`

export function validateMetadata(resource: Resource, object: KubeObject): FieldError[] {
  const { name = '', namespace, labels } = object.metadata
  const errors =
    name === '' ? [required('metadata.name', 'name or generateName is required')] : nameErrors(resource, name)
  if (resource.namespaced && namespace === undefined) errors.push(required('metadata.namespace'))
  for (const value of Object.values(labels ?? {})) {
    if (value.length > 63) errors.push(invalidValue('metadata.labels', value, 'must be no more than 63 bytes'))
    if (!/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(value))
      errors.push(invalidValue('metadata.labels', value, VALUE_TEXT))
  }
  return errors
}

function nameErrors(resource: Resource, name: string): FieldError[] {
  const field = 'metadata.name'
  const [pattern, text, limit] =
    resource.key === '/services'
      ? [/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, LABEL_TEXT, 63]
      : resource.key === '/namespaces'
        ? [/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, LABEL_TEXT, 63]
        : resource.group === 'rbac.authorization.k8s.io'
          ? [/^[^/%]+$/, 'may not contain "/" or "%"', 253]
          : [/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, SUBDOMAIN_TEXT, 253]
  const errors: FieldError[] = []
  if (name.length > limit) errors.push(invalidValue(field, name, `must be no more than ${limit} bytes`))
  if (!pattern.test(name)) errors.push(invalidValue(field, name, text))
  return errors
}

export function validateObject(object: KubeObject): FieldError[] {
  const spec = mapAt(object, 'spec')
  switch (`${object.apiVersion} ${object.kind}`) {
    case 'apps/v1 Deployment':
      return [...workload(spec), ...deployment(spec)]
    case 'apps/v1 ReplicaSet':
    case 'apps/v1 StatefulSet':
    case 'apps/v1 DaemonSet':
      return workload(spec)
    case 'batch/v1 Job':
      return job(spec)
    case 'v1 Pod':
      return podSpec(spec, 'spec')
    case 'v1 Service':
      return service(spec)
    case 'v1 ConfigMap':
      return dataKeys(object)
    case 'autoscaling/v2 HorizontalPodAutoscaler':
      return autoscaler(spec)
    case 'rbac.authorization.k8s.io/v1 RoleBinding':
    case 'rbac.authorization.k8s.io/v1 ClusterRoleBinding':
      return textAt(object, 'roleRef', 'name') ? [] : [required('roleRef.name')]
    default:
      return []
  }
}

function negative(spec: JsonMap, names: string[]): FieldError[] {
  return names
    .filter((name) => (numberAt(spec, name) ?? 0) < 0)
    .map((name) => invalidValue(`spec.${name}`, spec[name], 'must be greater than or equal to 0'))
}

function workload(spec: JsonMap): FieldError[] {
  const errors = negative(spec, ['replicas', 'minReadySeconds'])
  const selector = spec['selector']
  const labels = mapAt(spec, 'template', 'metadata', 'labels')
  const mismatch = invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')
  if (!isMap(selector)) errors.push(required('spec.selector'), mismatch)
  else if (Object.keys(selector).length === 0)
    errors.push(invalidValue('spec.selector', {}, 'empty selector is invalid for deployment'))
  else if (!selectorMatches(selector, texts(labels))) errors.push(mismatch)
  const template = mapAt(spec, 'template', 'spec')
  const policy = textAt(template, 'restartPolicy')
  errors.push(...podSpec(template, 'spec.template.spec'))
  if (policy !== undefined && policy !== 'Always')
    errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']))
  return errors
}

function deployment(spec: JsonMap): FieldError[] {
  const errors: FieldError[] = []
  const strategy = mapAt(spec, 'strategy')
  const type = textAt(strategy, 'type') ?? ''
  if (type === 'Recreate') {
    if (strategy['rollingUpdate'] !== undefined)
      errors.push(
        forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
      )
  } else if (type === 'RollingUpdate') errors.push(...rollingUpdate(mapAt(strategy, 'rollingUpdate')))
  else errors.push(notSupported('spec.strategy', { Type: type, RollingUpdate: null }, ['Recreate', 'RollingUpdate']))
  errors.push(...negative(spec, ['revisionHistoryLimit']))
  const deadline = numberAt(spec, 'progressDeadlineSeconds')
  if (deadline !== undefined) {
    errors.push(...negative(spec, ['progressDeadlineSeconds']))
    if (deadline <= (numberAt(spec, 'minReadySeconds') ?? 0))
      errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'))
  }
  return errors
}

function rollingUpdate(rolling: JsonMap): FieldError[] {
  const errors: FieldError[] = []
  const zero = (value: Json | undefined): boolean => value === 0 || value === '0%' || value === undefined
  for (const name of ['maxUnavailable', 'maxSurge']) {
    const value = rolling[name]
    const field = `spec.strategy.rollingUpdate.${name}`
    if (typeof value === 'number' && value < 0)
      errors.push(invalidValue(field, value, 'must be greater than or equal to 0'))
    if (typeof value === 'string' && !/^\d+%$/.test(value))
      errors.push(
        invalidValue(
          field,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      )
  }
  if (zero(rolling['maxUnavailable']) && zero(rolling['maxSurge']))
    errors.push(
      invalidValue(
        'spec.strategy.rollingUpdate.maxUnavailable',
        rolling['maxUnavailable'] ?? 0,
        'may not be 0 when `maxSurge` is 0',
      ),
    )
  const unavailable = rolling['maxUnavailable']
  if (typeof unavailable === 'string' && Number.parseInt(unavailable, 10) > 100)
    errors.push(
      invalidValue('spec.strategy.rollingUpdate.maxUnavailable', unavailable, 'must not be greater than 100%'),
    )
  return errors
}

function podSpec(spec: JsonMap, path: string): FieldError[] {
  const errors: FieldError[] = []
  const volumes = new Set(mapsAt(spec, 'volumes').map((volume) => textAt(volume, 'name')))
  if (mapsAt(spec, 'containers').length === 0) errors.push(required(`${path}.containers`))
  for (const list of ['initContainers', 'containers']) {
    const seen = new Set<Json | undefined>()
    for (const [i, container] of mapsAt(spec, list).entries()) {
      const at = `${path}.${list}[${i}]`
      if (!textAt(container, 'name')) errors.push(required(`${at}.name`))
      else if (seen.has(container['name'])) errors.push(duplicateValue(`${at}.name`, container['name']))
      seen.add(container['name'])
      if (!textAt(container, 'image')) errors.push(required(`${at}.image`))
      errors.push(...containerErrors(container, at, volumes))
    }
  }
  return errors
}

function containerErrors(container: JsonMap, at: string, volumes: Set<string | undefined>): FieldError[] {
  const errors: FieldError[] = []
  for (const [i, port] of mapsAt(container, 'ports').entries()) {
    const value = numberAt(port, 'containerPort') ?? 0
    if (value === 0) errors.push(required(`${at}.ports[${i}].containerPort`))
    else if (value < 1 || value > 65_535)
      errors.push(invalidValue(`${at}.ports[${i}].containerPort`, value, 'must be between 1 and 65535, inclusive'))
  }
  for (const [i, mount] of mapsAt(container, 'volumeMounts').entries()) {
    const name = textAt(mount, 'name')
    if (!volumes.has(name))
      errors.push({
        reason: 'NotFound',
        field: `${at}.volumeMounts[${i}].name`,
        message: `Not found: ${JSON.stringify(name)}`,
      })
  }
  for (const probe of ['livenessProbe', 'startupProbe'])
    if ((numberAt(container, probe, 'successThreshold') ?? 1) !== 1)
      errors.push(
        invalidValue(`${at}.${probe}.successThreshold`, numberAt(container, probe, 'successThreshold'), 'must be 1'),
      )
  return errors
}

function job(spec: JsonMap): FieldError[] {
  const template = mapAt(spec, 'template', 'spec')
  const errors = podSpec(template, 'spec.template.spec')
  const policy = textAt(template, 'restartPolicy')
  if (policy === 'Always') errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['OnFailure', 'Never']))
  return errors
}

function service(spec: JsonMap): FieldError[] {
  const errors: FieldError[] = []
  const ports = mapsAt(spec, 'ports')
  const headless = spec['clusterIP'] === 'None'
  if (ports.length === 0 && !headless && spec['type'] !== 'ExternalName') errors.push(required('spec.ports'))
  const seen = new Set<string>()
  for (const [i, port] of ports.entries()) {
    const number = numberAt(port, 'port') ?? 0
    if (ports.length > 1 && !textAt(port, 'name')) errors.push(required(`spec.ports[${i}].name`))
    if (number < 1 || number > 65_535)
      errors.push(invalidValue(`spec.ports[${i}].port`, number, 'must be between 1 and 65535, inclusive'))
    const key = `${number}/${textAt(port, 'protocol') ?? ''}`
    if (seen.has(key)) errors.push(duplicateValue(`spec.ports[${i}]`, port))
    seen.add(key)
  }
  const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
  const type = textAt(spec, 'type') ?? ''
  if (!types.includes(type)) errors.push(notSupported('spec.type', type, types))
  return errors
}

function dataKeys(object: KubeObject): FieldError[] {
  return Object.keys(mapAt(object, 'data'))
    .filter((key) => !/^[-._a-zA-Z0-9]+$/.test(key))
    .map((key) =>
      invalidValue(
        `data[${key}]`,
        key,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ),
    )
}

function autoscaler(spec: JsonMap): FieldError[] {
  const [min, max] = [numberAt(spec, 'minReplicas') ?? 1, numberAt(spec, 'maxReplicas') ?? 0]
  const errors: FieldError[] = []
  if (max < 1) errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than 0'))
  if (max < min) errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'))
  return errors
}

const IMMUTABLE = 'field is immutable'

export function validateUpdate(next: KubeObject, live: KubeObject): FieldError[] {
  const [spec, old] = [mapAt(next, 'spec'), mapAt(live, 'spec')]
  switch (`${next.apiVersion} ${next.kind}`) {
    case 'apps/v1 Deployment':
    case 'apps/v1 ReplicaSet':
    case 'apps/v1 DaemonSet':
      return unchanged(spec, old, 'selector', IMMUTABLE)
    case 'apps/v1 StatefulSet':
      return statefulSetUpdate(spec, old)
    case 'batch/v1 Job':
      return [
        ...unchanged(spec, old, 'completions', IMMUTABLE),
        ...unchanged(spec, old, 'selector', IMMUTABLE),
        ...(old['suspend'] === true ? [] : unchanged(spec, old, 'template', IMMUTABLE)),
        ...unchanged(spec, old, 'completionMode', IMMUTABLE),
      ]
    case 'v1 Service':
      return serviceUpdate(spec, old)
    case 'v1 ConfigMap':
    case 'v1 Secret':
      return immutableData(next, live)
    case 'v1 Pod':
      return podUpdate(spec, old)
    case 'rbac.authorization.k8s.io/v1 RoleBinding':
    case 'rbac.authorization.k8s.io/v1 ClusterRoleBinding':
      return equal(next['roleRef'], live['roleRef'])
        ? []
        : [invalidValue('roleRef', goRoleRef(next), 'cannot change roleRef')]
    default:
      return []
  }
}

function unchanged(spec: JsonMap, old: JsonMap, name: string, detail: string): FieldError[] {
  return equal(spec[name], old[name]) ? [] : [invalidValue(`spec.${name}`, spec[name], detail)]
}

const STATEFUL_SET_MAY_CHANGE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

function statefulSetUpdate(spec: JsonMap, old: JsonMap): FieldError[] {
  const fixed = (value: JsonMap): JsonMap =>
    Object.fromEntries(Object.entries(value).filter(([key]) => !STATEFUL_SET_MAY_CHANGE.includes(key)))
  if (equal(fixed(spec), fixed(old))) return []
  const names = STATEFUL_SET_MAY_CHANGE.map((name) => `'${name}'`)
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return [forbiddenField('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)]
}

function serviceUpdate(spec: JsonMap, old: JsonMap): FieldError[] {
  const kept = textAt(old, 'clusterIP')
  if (kept === undefined || kept === '' || spec['type'] === 'ExternalName' || spec['clusterIP'] === kept) return []
  return [invalidValue('spec.clusterIPs[0]', [spec['clusterIP'] ?? ''], 'may not change once set')]
}

function immutableData(next: KubeObject, live: KubeObject): FieldError[] {
  if (live['immutable'] !== true) return []
  const errors: FieldError[] = []
  if (next['immutable'] !== true) errors.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'))
  for (const name of ['data', 'binaryData'])
    if (!equal(next[name], live[name])) errors.push(forbiddenField(name, 'field is immutable when `immutable` is set'))
  return errors
}

function podUpdate(spec: JsonMap, old: JsonMap): FieldError[] {
  const blank = (value: JsonMap): JsonMap => ({
    ...value,
    nodeName: '',
    activeDeadlineSeconds: 0,
    terminationGracePeriodSeconds: 0,
    tolerations: [],
    containers: mapsAt(value, 'containers').map((container) => ({ ...container, image: '' })),
    initContainers: mapsAt(value, 'initContainers').map((container) => ({ ...container, image: '' })),
  })
  if (equal(blank(spec), blank(old))) return []
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ]
}

/** The message shows the struct as Go's internal type writes it. */
function goRoleRef(binding: KubeObject): JsonMap {
  const { apiGroup, kind, name } = mapAt(binding, 'roleRef')
  return { APIGroup: apiGroup, Kind: kind, Name: name }
}
