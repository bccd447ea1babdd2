import type { Engine } from '../rollout/engine.ts'
import type { Check, HttpCheck } from '../rollout/settings.ts'
import type { WorkloadRecord } from '../rollout/record.ts'
import { isServing } from '../health/pods.ts'
import { previewName } from '../strategies/services.ts'
import { sideOf } from '../strategies/view.ts'
import type { CheckVerdict } from './verdict.ts'

/** Pause between two rounds of a check that must pass several times, and between tries to get an answer at all. */
const PAUSE_MS = 1_000
const TRIES = 3
const SHOWN = 200

interface Target {
  name: string
  ask: () => Promise<{ status: number; body: string }>
}

/**
 * Asks every target `times` times in a row. A wrong answer fails; no answer at all, after three tries, fails as well when
 * it comes from the new version's own pods, since users would get none either; nobody to ask is inconclusive, never a pass.
 */
export async function runCheck(engine: Engine, check: Check): Promise<CheckVerdict> {
  const lines: string[] = []
  for (let round = 0; round < check.http.times; round++) {
    if (round > 0) await engine.o.clock.sleep(PAUSE_MS, engine.o.cancel)
    engine.checkpoint()
    const targets = targetsOf(engine, check.http)
    if (targets.length === 0) return { kind: 'inconclusive', text: 'no serving pod of the new version to ask', lines }
    for (const target of targets) {
      const failure = await askTarget(engine, target, check.http, lines)
      if (failure !== undefined) return { kind: 'fail', text: failure, lines }
    }
  }
  return {
    kind: 'pass',
    text: `${check.http.path} answered ${check.http.expect.status}, ${lines.length} of ${lines.length} times`,
    lines,
  }
}

async function askTarget(
  engine: Engine,
  target: Target,
  http: HttpCheck,
  lines: string[],
): Promise<string | undefined> {
  let last = ''
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) await engine.o.clock.sleep(PAUSE_MS, engine.o.cancel)
    engine.checkpoint()
    try {
      const answer = await target.ask()
      const wrong = judge(answer, http)
      lines.push(`${target.name} ${http.path}: ${answer.status} ${answer.body.slice(0, SHOWN).trim()}`)
      if (wrong === undefined) return undefined
      // The API server answers for a pod it cannot reach; that is no answer of the pod.
      if (answer.status !== 502 && answer.status !== 503 && answer.status !== 504) return `${target.name} ${wrong}`
      last = wrong
    } catch (error) {
      last = `gave no answer (${error instanceof Error ? error.message : String(error)})`
      lines.push(`${target.name} ${http.path}: ${last}`)
    }
  }
  return `${target.name} ${last}`
}

function judge({ status, body }: { status: number; body: string }, { expect }: HttpCheck): string | undefined {
  if (status !== expect.status) return `answered ${status}, expected ${expect.status}: ${body.slice(0, SHOWN).trim()}`
  if (expect.body !== undefined && !body.includes(expect.body))
    return `answered without "${expect.body}": ${body.slice(0, SHOWN).trim()}`
  return undefined
}

function targetsOf(engine: Engine, http: HttpCheck): Target[] {
  if (http.url !== undefined) return [urlTarget(engine, http, http.url)]
  return engine.workloads.flatMap((workload) => workloadTargets(engine, workload, http))
}

function urlTarget(engine: Engine, http: HttpCheck, url: string): Target {
  const { expand, fetchUrl } = engine.o
  const options = { headers: headersOf(engine, http), timeoutMs: http.timeoutMs }
  return { name: url, ask: () => fetchUrl(expand(url), options) }
}

function workloadTargets(engine: Engine, workload: WorkloadRecord, http: HttpCheck): Target[] {
  const { client, book } = engine.o
  const view = engine.view(workload)
  const [service] = view.services
  const options = { headers: headersOf(engine, http), timeoutMs: http.timeoutMs, maxBytes: 1_000_000 }
  const preview = book.record.strategy === 'blue-green'
  if (http.target === 'service' || preview) {
    if (service === undefined) return []
    const name = http.target === 'service' ? service.record.name : previewName(service.record.name)
    const port = http.port ?? service.live?.spec.ports?.[0]?.port ?? 80
    const target = { kind: 'Service' as const, namespace: workload.namespace, name, port }
    return [{ name: `Service/${name}`, ask: () => client.proxy(target, http.path, options) }]
  }
  const side = sideOf(view, 'next')
  const least = view.versions.nextFields.minReadySeconds
  return side.pods
    .filter((pod) => isServing(pod, least, view.now))
    .map((pod) => {
      const name = pod.metadata.name ?? ''
      const port = http.port ?? pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80
      const target = { kind: 'Pod' as const, namespace: workload.namespace, name, port }
      return { name: `Pod/${name}`, ask: () => client.proxy(target, http.path, options) }
    })
}

/** Secrets in headers are named by the config and read from the environment only here, when they are used. */
function headersOf(engine: Engine, http: HttpCheck): Record<string, string> {
  return Object.fromEntries(Object.entries(http.headers).map(([name, value]) => [name, engine.o.expand(value)]))
}
