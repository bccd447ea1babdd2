import type { Pod } from '../../../src/shared/objects.ts'
import { METRICS_PATH, metricsAnswer, RequestMetrics } from '../../pods/request-metrics.ts'
import { type PodBehaviour, type PodHttpAnswer, type PodHttpRequest, tagOf } from './behaviour.ts'

const HEALTH_PATH = /^\/(healthz|livez|readyz?|health)$/

/** What a running app answers: its version and its pod, as `gihyodocker/echo-version` does. */
function pageOf(path: string, image: string, pod: Pod): PodHttpAnswer {
  const version = tagOf(image)
  const name = pod.metadata.name ?? ''
  const send = (type: string, body: string): PodHttpAnswer => ({
    status: 200,
    headers: { 'x-version': version, 'x-pod': name, 'content-type': type },
    body: `${body}\n`,
  })
  if (path === '/json') return send('application/json', JSON.stringify({ version, pod: name, image, ok: true }))
  if (path === '/version') return send('application/json', JSON.stringify({ version }))
  return send('text/plain', `version ${version} pod ${name}`)
}

/** The app in one run of its process: what it answers, and what it counts while it does. Answers take no time. */
export class App {
  readonly #image: string
  readonly #metrics: RequestMetrics

  constructor(image: string) {
    this.#image = image
    this.#metrics = new RequestMetrics(tagOf(image))
  }

  answer(behaviour: PodBehaviour, pod: Pod, ready: boolean, request: PodHttpRequest): PodHttpAnswer {
    const path = request.path.split('?')[0] ?? '/'
    const custom = behaviour.http?.(request, pod)
    if (custom === undefined && path === METRICS_PATH) return metricsAnswer(this.#metrics, behaviour.metrics ?? 'ok')
    const isHealthy = ready || path === '/livez'
    const health = { status: isHealthy ? 200 : 503, body: isHealthy ? 'ok\n' : 'not ready\n' }
    const answer = custom ?? (HEALTH_PATH.test(path) ? health : pageOf(path, this.#image, pod))
    const isProbe = (request.headers['user-agent'] ?? '').startsWith('kube-probe/')
    if (!isProbe && !HEALTH_PATH.test(path) && path !== METRICS_PATH)
      this.#metrics.count(answer.status, 0, behaviour.metricsResetAfter)
    return answer
  }
}
