/** The tables that `kubectl get` asks for: the columns people look at. */
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import type { Resource } from '../resources.ts'
import { at, listAt, mapAt, mapsAt, numberAt, textAt } from '../values.ts'

export function isTable(accept: string): boolean {
  return (accept.split(',')[0] ?? '').includes('as=Table')
}

type Column = [name: string, type: string, cell: (object: KubeObject) => Json]

const age: Column = ['Age', 'string', (object) => object.metadata.creationTimestamp ?? null]

function count(object: KubeObject, ...path: string[]): number {
  return numberAt(object, ...path) ?? 0
}

const COLUMNS: Record<string, Column[]> = {
  'apps/deployments': [
    ['Ready', 'string', (o) => `${count(o, 'status', 'readyReplicas')}/${count(o, 'spec', 'replicas')}`],
    ['Up-to-date', 'string', (o) => String(count(o, 'status', 'updatedReplicas'))],
    ['Available', 'string', (o) => String(count(o, 'status', 'availableReplicas'))],
  ],
  'apps/replicasets': [
    ['Desired', 'integer', (o) => count(o, 'spec', 'replicas')],
    ['Current', 'integer', (o) => count(o, 'status', 'replicas')],
    ['Ready', 'integer', (o) => count(o, 'status', 'readyReplicas')],
  ],
  'apps/statefulsets': [
    ['Ready', 'string', (o) => `${count(o, 'status', 'readyReplicas')}/${count(o, 'spec', 'replicas')}`],
  ],
  '/pods': [
    [
      'Ready',
      'string',
      (o) =>
        `${mapsAt(o, 'status', 'containerStatuses').filter((c) => c['ready'] === true).length}/${listAt(o, 'spec', 'containers').length}`,
    ],
    ['Status', 'string', podStatus],
    [
      'Restarts',
      'string',
      (o) =>
        String(mapsAt(o, 'status', 'containerStatuses').reduce((n, c) => n + (numberAt(c, 'restartCount') ?? 0), 0)),
    ],
  ],
  '/services': [
    ['Type', 'string', (o) => textAt(o, 'spec', 'type') ?? ''],
    ['Cluster-IP', 'string', (o) => textAt(o, 'spec', 'clusterIP') ?? '<none>'],
    ['External-IP', 'string', () => '<none>'],
    [
      'Port(s)',
      'string',
      (o) =>
        mapsAt(o, 'spec', 'ports')
          .map((p) => `${numberAt(p, 'port') ?? 0}/${textAt(p, 'protocol') ?? 'TCP'}`)
          .join(','),
    ],
  ],
  '/configmaps': [['Data', 'string', (o) => String(Object.keys(mapAt(o, 'data')).length)]],
  '/secrets': [
    ['Type', 'string', (o) => textAt(o, 'type') ?? ''],
    ['Data', 'integer', (o) => Object.keys(mapAt(o, 'data')).length],
  ],
  '/namespaces': [['Status', 'string', (o) => textAt(o, 'status', 'phase') ?? '']],
  'batch/jobs': [
    [
      'Status',
      'string',
      (o) =>
        textAt(
          mapsAt(o, 'status', 'conditions').find((c) => c['type'] === 'Complete' || c['type'] === 'Failed'),
          'type',
        ) ?? 'Running',
    ],
    ['Completions', 'string', (o) => `${count(o, 'status', 'succeeded')}/${count(o, 'spec', 'completions')}`],
  ],
  'coordination.k8s.io/leases': [['Holder', 'string', (o) => textAt(o, 'spec', 'holderIdentity') ?? '']],
  '/events': [
    ['Type', 'string', (o) => textAt(o, 'type') ?? ''],
    ['Reason', 'string', (o) => textAt(o, 'reason') ?? ''],
    [
      'Object',
      'string',
      (o) =>
        `${(textAt(o, 'involvedObject', 'kind') ?? '').toLowerCase()}/${textAt(o, 'involvedObject', 'name') ?? ''}`,
    ],
    ['Message', 'string', (o) => textAt(o, 'message') ?? ''],
  ],
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating'
  for (const container of mapsAt(pod, 'status', 'containerStatuses')) {
    const reason = textAt(container, 'state', 'waiting', 'reason') ?? textAt(container, 'state', 'terminated', 'reason')
    if (reason !== undefined) return reason
  }
  return textAt(pod, 'status', 'phase') ?? ''
}

function columnsOf(resource: Resource): Column[] {
  const custom: Column[] = resource.columns.map(({ name, type, path }) => [
    name,
    type,
    (object) => at(object, ...path.split('.').filter((step) => step !== '')) ?? null,
  ])
  const name: Column = ['Name', 'string', (object) => object.metadata.name ?? '']
  return [name, ...(COLUMNS[resource.key] ?? custom), age]
}

function since(text: Json, now: number): Json {
  if (typeof text !== 'string') return '<unknown>'
  const seconds = Math.max(0, Math.floor((now - Date.parse(text)) / 1_000))
  if (seconds < 120) return `${seconds}s`
  return seconds < 7_200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3_600)}h`
}

export function tableOf(resource: Resource, items: KubeObject[], metadata: JsonMap, now: number): JsonMap {
  const columns = columnsOf(resource)
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(([name, type]) => ({
      name,
      type,
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: 0,
    })),
    rows: items.map((item) => ({
      cells: columns.map(([name, , cell]) => (name === 'Age' ? since(cell(item), now) : cell(item))),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata },
    })),
  }
}
