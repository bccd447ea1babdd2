/** What comes before a container starts: its image, and what its environment refers to. */
import type { Container, JsonMap } from '../../../src/shared/objects.ts'
import { isMap, mapAt, textAt } from '../values.ts'
import type { PodBehaviour } from './behaviour.ts'
import type { PodHost } from './pod-host.ts'
import type { ContainerLife } from './pod-status.ts'

export const PULL_MS = 50
export const BACKOFF_MS = 10_000
export const LONGEST_BACKOFF_MS = 300_000

/** True once the image is there; false when the pod goes first. */
export async function pull(host: PodHost, life: ContainerLife): Promise<boolean> {
  const { container } = life
  const image = container.image ?? ''
  for (let wait = BACKOFF_MS; !host.stop.aborted; wait = Math.min(LONGEST_BACKOFF_MS, wait * 2)) {
    const { imagePull, stuck, pullMs = PULL_MS } = host.behaviour(container)
    if (imagePull === 'invalid-name') return invalidName(host, life)
    if (stuck !== undefined) return stay(host, life, stuck)
    host.event('Normal', 'Pulling', `Pulling image "${image}"`, container)
    await host.sleep(pullMs)
    if (host.stop.aborted) return false
    if (imagePull === undefined) {
      const took = `in ${pullMs}ms (${pullMs}ms including waiting). Image size: 12345678 bytes.`
      host.event('Normal', 'Pulled', `Successfully pulled image "${image}" ${took}`, container)
      return true
    }
    await pullFailed(host, life, pullError(image, imagePull), wait)
  }
  return false
}

async function pullFailed(host: PodHost, life: ContainerLife, message: string, wait: number): Promise<void> {
  const { container } = life
  const image = container.image ?? ''
  life.state = { waiting: { reason: 'ErrImagePull', message } }
  host.report()
  host.event('Warning', 'Failed', `Failed to pull image "${image}": ${message}`, container)
  host.event('Warning', 'Failed', 'Error: ErrImagePull', container)
  await host.sleep(1_000)
  if (host.stop.aborted) return
  const backOff = `Back-off pulling image "${image}"`
  life.state = { waiting: { reason: 'ImagePullBackOff', message: `${backOff}: ErrImagePull: ${message}` } }
  host.report()
  host.event('Normal', 'BackOff', backOff, container)
  host.event('Warning', 'Failed', 'Error: ImagePullBackOff', container)
  await host.sleep(wait)
}

function invalidName(host: PodHost, life: ContainerLife): false {
  const image = life.container.image ?? ''
  const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`
  life.state = { waiting: { reason: 'InvalidImageName', message } }
  host.report()
  host.event('Warning', 'InspectFailed', message, life.container)
  host.event('Warning', 'Failed', 'Error: InvalidImageName', life.container)
  return false
}

function stay(host: PodHost, life: ContainerLife, stuck: NonNullable<PodBehaviour['stuck']>): false {
  const { reason, message } = stuck
  life.state = { waiting: { reason, ...(message === undefined ? {} : { message }) } }
  host.report()
  return false
}

function pullError(image: string, kind: Exclude<PodBehaviour['imagePull'], undefined | 'invalid-name'>): string {
  if (typeof kind !== 'string') return kind.says
  const head = `failed to pull and unpack image "${image}": failed to resolve reference "${image}":`
  switch (kind) {
    case 'not-found':
      return `${head} ${image}: not found`
    case 'denied':
      return `${head} pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`
    case 'rate-limited':
      return `${head} unexpected status from HEAD request: 429 Too Many Requests - toomanyrequests: You have reached your pull rate limit`
  }
}

/** True once the container can be made; false when the pod goes first. */
export async function configure(host: PodHost, life: ContainerLife): Promise<boolean> {
  const { container } = life
  while (!host.stop.aborted) {
    const message = host.behaviour(container).createContainerConfigError ?? missingReference(host, container)
    if (message === undefined) return true
    life.state = { waiting: { reason: 'CreateContainerConfigError', message } }
    host.report()
    host.event('Warning', 'Failed', `Error: ${message}`, container)
    await host.sleep(BACKOFF_MS)
  }
  return false
}

interface Reference {
  kind: 'configmap' | 'secret'
  to: JsonMap
}

function referencesOf(container: Container): Reference[] {
  const found: Reference[] = []
  const add = (kind: Reference['kind'], to: unknown): void => {
    if (typeof to === 'object' && to !== null && !Array.isArray(to)) found.push({ kind, to: { ...to } })
  }
  for (const item of container.envFrom ?? []) {
    add('configmap', item['configMapRef'])
    add('secret', item['secretRef'])
  }
  for (const item of container.env ?? []) {
    const from = mapAt(item, 'valueFrom')
    add('configmap', from['configMapKeyRef'])
    add('secret', from['secretKeyRef'])
  }
  return found.filter(({ to }) => isMap(to) && to['optional'] !== true)
}

/** A ConfigMap or Secret that the environment names and that is not there. */
function missingReference(host: PodHost, container: Container): string | undefined {
  const { store } = host.node.world.objects
  const { namespace = '' } = host.pod.metadata
  for (const { kind, to } of referencesOf(container)) {
    const name = textAt(to, 'name') ?? ''
    const found = store.get(kind === 'secret' ? '/secrets' : '/configmaps', namespace, name)
    if (found === undefined) return `${kind} "${name}" not found`
    const key = textAt(to, 'key')
    if (key !== undefined && mapAt(found, 'data')[key] === undefined)
      return `couldn't find key ${key} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${namespace}/${name}`
  }
  return undefined
}
