import type { Condition, Container, Pod } from '../../../src/shared/objects.ts'
import { type MetricsKind, metricsKind } from '../../pods/request-metrics.ts'

export interface PodHttpRequest {
  method: string
  /** path and query */
  path: string
  headers: Record<string, string>
  body: string
}

export interface PodHttpAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** What a container does in its life. Times in milliseconds. */
export interface PodBehaviour {
  /** to pull the image (50) */
  pullMs?: number
  imagePull?: 'not-found' | 'denied' | 'rate-limited' | 'invalid-name' | { says: string }
  /** the container is never made and waits with this reason, e.g. `CreateContainerError` */
  stuck?: { reason: string; message?: string }
  /** from the pulled image to the running process (20) */
  startMs?: number
  /** after the start the readiness probe fails for so long (0) */
  readyAfterMs?: number
  /** the readiness probe fails for ever; a text is its answer */
  neverReady?: boolean | string
  /** the process ends by itself after this time */
  crashAfterMs?: number
  exitCode?: number
  oomKilled?: boolean
  /** how the status words the end of the process, e.g. `StartError` */
  endReason?: string
  endMessage?: string
  /** the liveness probe fails with this answer, every second from the start on, and kills at the third time */
  livenessFails?: string
  /** a job's process ends with `exitCode` (0) after this time */
  runMs?: number
  /** from SIGTERM, after preStop, to the end of the process (20) */
  shutdownMs?: number
  /** SIGTERM is ignored: the grace period runs out */
  ignoreSigterm?: boolean
  /** the scheduler finds no node, with this message */
  unschedulable?: string
  /** PodScheduled=False has this reason instead of `Unschedulable` */
  unschedulableReason?: string
  /** what components say of the pod once it is there */
  events?: { reason: string; message: string; type?: 'Normal' | 'Warning' }[]
  /** what others than the kubelet write to its status */
  podStatus?: (pod: Pod) => { phase?: string; reason?: string; message?: string; conditions?: Condition[] } | undefined
  /** the container cannot be made, e.g. `secret "db" not found` */
  createContainerConfigError?: string
  /** lines that each start of the process writes */
  logs?: string[]
  /** lines that it writes when it ends by itself */
  lastWords?: string[]
  imageID?: string
  /** its page of metrics */
  metrics?: MetricsKind
  /** once, after so many requests, the counters there begin again at 0 */
  metricsResetAfter?: number
  /** what the app answers; undefined answers as usual */
  http?: (request: PodHttpRequest, pod: Pod) => PodHttpAnswer | undefined
}

export type Behaviour = (image: string, pod: Pod, container: Container) => PodBehaviour

export function tagOf(image: string): string {
  const last = image.split('/').at(-1) ?? image
  if (last.includes('@')) return last.split('@')[1] ?? ''
  return last.split(':')[1] ?? 'latest'
}

function ends(tag: string, word: string): boolean {
  return tag === word || tag.endsWith(`-${word}`)
}

/** Behaviour by the tag, as the lab's process kubelet has it: `1.2.0-crash`, `missing`, `1.0-never-ready`, `job-ok` … */
export function behaviourOfTag(image: string): PodBehaviour {
  const tag = tagOf(image)
  if (ends(tag, 'missing')) return { imagePull: 'not-found' }
  if (ends(tag, 'crash')) return { crashAfterMs: 300, exitCode: 1, lastWords: ['panic: boom'] }
  if (ends(tag, 'never-ready')) return { neverReady: true }
  if (ends(tag, 'slow')) return { readyAfterMs: 5_000 }
  if (ends(tag, 'oom')) return { crashAfterMs: 300, exitCode: 137, oomKilled: true }
  if (ends(tag, 'job-ok')) return { runMs: 1_000, exitCode: 0, lastWords: ['job done'] }
  if (ends(tag, 'job-fail')) return { runMs: 1_000, exitCode: 1, lastWords: ['job failed'] }
  if (ends(tag, 'config-error')) return { createContainerConfigError: 'configmap "settings" not found' }
  if (ends(tag, 'unschedulable')) return { unschedulable: '0/1 nodes are available: 1 Insufficient cpu.' }
  return {}
}

/**
 * The same by options, as the test kubelet has them: the annotation `pod.test/never-ready`, or else the variable
 * `POD_TEST_NEVER_READY` of the container.
 */
export function behaviourOfOptions(pod: Pod, container: Container): PodBehaviour {
  const option = (key: string): string | undefined => {
    const variable = `POD_TEST_${key.toUpperCase().replaceAll('-', '_')}`
    const value = container.env?.find((item) => item['name'] === variable)?.['value']
    return pod.metadata.annotations?.[`pod.test/${key}`] ?? (typeof value === 'string' ? value : undefined)
  }
  const ms = (key: string): number | undefined => {
    const text = option(key)
    return text === undefined ? undefined : Number(text)
  }
  const metrics = option('metrics')
  const found: [keyof PodBehaviour, number | boolean | string | undefined][] = [
    ['neverReady', option('never-ready') === 'true' ? true : undefined],
    ['readyAfterMs', ms('ready-after-ms')],
    ['pullMs', ms('pull-ms')],
    ['startMs', ms('start-delay-ms')],
    ['crashAfterMs', ms('crash-after-ms')],
    ['exitCode', ms('exit-code')],
    ['runMs', ms('run-ms')],
    ['metrics', metrics === undefined ? undefined : metricsKind(metrics)],
    ['metricsResetAfter', ms('metrics-reset-after')],
    ['ignoreSigterm', option('shutdown') === 'ignore' ? true : undefined],
  ]
  return Object.fromEntries(found.filter(([, value]) => value !== undefined))
}
