/** One EndpointSlice per Service with a selector: which pods answer for it, and in what state. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { portNumber } from '../api/subresources.ts'
import { mapMatches } from '../selectors.ts'
import { asObject, equal, mapAt, mapsAt, textAt } from '../values.ts'
import { controllerOf, ownerReference, Queue, type World, Writer } from './machinery.ts'
import { isFinished, isReady } from './pods.ts'

const SLICES = 'discovery.k8s.io/endpointslices'
const MANAGED_BY = 'endpointslice-controller.k8s.io'

export class EndpointSliceController {
  readonly #world: World
  readonly #queue: Queue
  readonly #writer: Writer

  constructor(world: World) {
    this.#world = world
    this.#writer = new Writer(world, 'kube-controller-manager')
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    world.informers.on('/services', ({ object }) => this.#queue.add(object.metadata.namespace, object.metadata.name))
    world.informers.on('/pods', ({ object, previous }) => this.#podChanged(object, previous))
    world.informers.on(SLICES, ({ object }) => {
      const owner = controllerOf(object)
      if (owner?.kind === 'Service') this.#queue.add(object.metadata.namespace, owner.name)
    })
  }

  #podChanged(pod: KubeObject, previous: KubeObject | undefined): void {
    const matches = (service: KubeObject, object: KubeObject | undefined): boolean =>
      object !== undefined && mapMatches(mapAt(service, 'spec')['selector'], object.metadata.labels ?? {})
    for (const service of this.#world.informers.list('/services', pod.metadata.namespace))
      if (matches(service, pod) || matches(service, previous))
        this.#queue.add(service.metadata.namespace, service.metadata.name)
  }

  #slices(namespace: string, service: string): KubeObject[] {
    return this.#world.informers
      .list(SLICES, namespace)
      .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === service)
      .filter((slice) => slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === MANAGED_BY)
  }

  #sync(namespace: string, name: string): void {
    const service = this.#world.informers.get('/services', namespace, name)
    const slices = this.#slices(namespace, name)
    const resource = this.#world.objects.resources.named('endpointslices')
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      for (const slice of slices) this.#writer.delete(resource, slice)
      return
    }
    if (mapAt(service, 'spec')['selector'] === undefined || textAt(service, 'spec', 'type') === 'ExternalName') return
    const wanted = this.#wanted(service)
    const [slice] = slices
    if (slice === undefined) {
      // The cache may not know the slice that was just made.
      const stored = this.#world.objects.store.list(SLICES, namespace)
      if (stored.some((item) => controllerOf(item)?.uid === service.metadata.uid)) return
      this.#writer.create(resource, wanted)
      return
    }
    const same = equal(slice['endpoints'], wanted['endpoints']) && equal(slice['ports'], wanted['ports'])
    if (same && equal(slice.metadata.labels, wanted.metadata.labels)) return
    const metadata = {
      ...slice.metadata,
      ...(wanted.metadata.labels === undefined ? {} : { labels: wanted.metadata.labels }),
    }
    this.#writer.update(
      resource,
      asObject({ ...slice, metadata, endpoints: wanted['endpoints'], ports: wanted['ports'] }),
    )
  }

  #wanted(service: KubeObject): KubeObject {
    const spec = mapAt(service, 'spec')
    const { namespace, name = '', labels = {} } = service.metadata
    const pods = this.#world.informers
      .list('/pods', namespace)
      .filter((pod) => mapMatches(spec['selector'], pod.metadata.labels ?? {}))
      .filter((pod) => textAt(pod, 'status', 'podIP') !== undefined && !isFinished(pod))
      .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
    const publish = spec['publishNotReadyAddresses'] === true
    const headless = spec['clusterIP'] === 'None' ? { 'service.kubernetes.io/headless': '' } : {}
    return asObject({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        generateName: `${name}-`,
        namespace,
        labels: {
          ...labels,
          ...headless,
          'endpointslice.kubernetes.io/managed-by': MANAGED_BY,
          'kubernetes.io/service-name': name,
        },
        ownerReferences: ownerReference(service),
      },
      addressType: 'IPv4',
      endpoints: pods.map((pod) => endpointOf(pod, publish)),
      ports: mapsAt(spec, 'ports').map((port) => portOf(port, pods[0])),
    })
  }
}

function endpointOf(pod: KubeObject, publish: boolean): JsonMap {
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const serving = publish || isReady(pod)
  const { name, namespace, uid } = pod.metadata
  return {
    addresses: [textAt(pod, 'status', 'podIP') ?? ''],
    conditions: { ready: publish || (serving && !terminating), serving, terminating },
    targetRef: { kind: 'Pod', namespace, name, uid },
    nodeName: textAt(pod, 'spec', 'nodeName'),
  }
}

function portOf(port: JsonMap, pod: KubeObject | undefined): JsonMap {
  const target = port['targetPort'] ?? port['port']
  const number = pod === undefined ? (typeof target === 'number' ? target : undefined) : portNumber(pod, target)
  return {
    name: textAt(port, 'name') ?? '',
    protocol: textAt(port, 'protocol') ?? 'TCP',
    ...(number === undefined ? {} : { port: number }),
  }
}
