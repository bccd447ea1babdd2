import type { Container, ContainerStatus, KubeEvent, KubeObject, ObjectRef, Pod } from '../shared/objects.ts'
import type { Grace } from './grace.ts'
import type { LogRequest, Symptom } from './symptom.ts'

/** What every rule of the diagnosis may look at besides its object. */
export interface Look {
  grace: Grace
  now: number
  /** see `DiagnosisInput.firstSeen` */
  memory: Map<string, number>
  events: readonly KubeEvent[]
  /** the pods belong to a Job, which itself decides how often they may fail */
  ofJob: boolean
  draining: boolean
}

/** A symptom before time is looked at. */
export interface Sign extends Omit<Symptom, 'since' | 'fatalAt'> {
  /** milliseconds that it may last, for `after-grace` */
  grace?: number
  /** milliseconds that it is not worth telling */
  hiddenFor?: number
}

/** One container of a pod: what it should be and what it is. */
export interface ContainerRow {
  /** `init` runs to its end before the others start; a sidecar is one that stays and counts as `main` */
  role: 'init' | 'main'
  spec: Container | undefined
  status: ContainerStatus
}

export function containerRows(pod: Pod): ContainerRow[] {
  const { initContainers = [], containers } = pod.spec
  const row = (status: ContainerStatus, specs: readonly Container[], init: boolean): ContainerRow => {
    const spec = specs.find((container) => container.name === status.name)
    const role = init && spec?.restartPolicy !== 'Always' ? 'init' : 'main'
    return { role, spec, status }
  }
  return [
    ...(pod.status?.initContainerStatuses ?? []).map((status) => row(status, initContainers, true)),
    ...(pod.status?.containerStatuses ?? []).map((status) => row(status, containers, false)),
  ]
}

/** Items of a list carry no kind of their own, so the reference is put together here. */
export function podRef(pod: Pod): ObjectRef {
  const { name = '', namespace } = pod.metadata
  return { apiVersion: 'v1', kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) }
}

/** What a key names an object by: a new pod of the same name is another pod. */
export function idOf(object: { metadata: { uid?: string; name?: string } }): string {
  return object.metadata.uid ?? object.metadata.name ?? ''
}

/** Memory that the n-th start (from 0) of a container was ready. */
export function servedKey(pod: Pod, container: string, start: number): string {
  return `served/${idOf(pod)}/${container}/${start}`
}

/** `Container app of Pod/web-1`, the start of most sentences. */
export function subject(pod: Pod, { role, status }: ContainerRow): string {
  return `${role === 'init' ? 'Init container' : 'Container'} ${status.name} of Pod/${pod.metadata.name ?? ''}`
}

/** Events about an object: by its uid, or by kind and name where one of both has none. */
export function eventsAbout(object: KubeObject, kind: string, events: readonly KubeEvent[]): KubeEvent[] {
  const { uid, name } = object.metadata
  return events.filter(({ involvedObject: involved = {} }) => {
    const same = involved.uid !== undefined && uid !== undefined
    return same ? involved.uid === uid : involved.kind === kind && involved.name === name
  })
}

/** Events about a pod, and about one container of it where they say so. */
export function eventsOf(pod: Pod, events: readonly KubeEvent[], container?: string): KubeEvent[] {
  return eventsAbout(pod, 'Pod', events).filter(({ involvedObject }) => {
    const involved: { name?: string; fieldPath?: string } = involvedObject ?? {}
    const path = involved.fieldPath
    return container === undefined || path === undefined || path.includes(`{${container}}`)
  })
}

/** How often an event was seen; the API server folds repetitions into one object. */
export function countOf(event: KubeEvent): number {
  return Math.max(event.series?.count ?? 1, event.count ?? 1)
}

/** When an event was last seen, in milliseconds since 1970; 0 when it does not say. */
export function lastSeen(event: KubeEvent): number {
  const { series, lastTimestamp, eventTime, firstTimestamp, metadata } = event
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata.creationTimestamp]
  for (const time of times) {
    const at = Date.parse(time ?? '')
    if (!Number.isNaN(at)) return at
  }
  return 0
}

/** The newest event with a text, for a pod and maybe one container. */
export function newestEvent(
  pod: Pod,
  { events }: Look,
  matches: (event: KubeEvent) => boolean,
  container?: string,
): KubeEvent | undefined {
  return eventsOf(pod, events, container)
    .filter(matches)
    .toSorted((a, b) => lastSeen(b) - lastSeen(a))[0]
}

export function logOf(pod: Pod, container: string, previous: boolean): LogRequest {
  const { name = '', namespace } = pod.metadata
  return { pod: name, ...(namespace === undefined ? {} : { namespace }), container, previous }
}

/** One line, for sentences: the message of a status may have several. */
export function oneLine(text: string, length = 300): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`
}
