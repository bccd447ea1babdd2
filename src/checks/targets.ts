import type { Pod } from '../shared/objects.ts'
import type { Answer, Asker, CheckedWorkload } from './asker.ts'
import type { Page } from './spec.ts'

const MAX_BYTES = 1_000_000

/** Somebody who answers for the new version. */
export interface Target {
  /** for people: `Pod/web-1`, `Service/web`, or the address */
  name: string
  /** version that it is meant to be */
  version: string
  ask: () => Promise<Answer>
  /** it still serves the new version; what goes away meanwhile says nothing of it */
  stays: () => boolean
}

/** Everybody that a page is asked of now; nobody while no pod of the new version serves. */
export function targetsOf(asker: Asker, page: Page, timeoutMs: number): Target[] {
  const workloads = asker.workloads()
  if (page.url !== undefined) return [urlTarget(asker, page, page.url, workloads[0]?.canary.version ?? '', timeoutMs)]
  return workloads.flatMap((workload) => workloadTargets(asker, workload, page, timeoutMs))
}

function urlTarget(asker: Asker, page: Page, url: string, version: string, timeoutMs: number): Target {
  const ask = (): Promise<Answer> => {
    asker.own.note()
    return asker.fetchUrl({ url: asker.expand(url), headers: headersOf(asker, page), timeoutMs, signal: asker.signal })
  }
  return { name: url, version, ask, stays: () => true }
}

function workloadTargets(asker: Asker, workload: CheckedWorkload, page: Page, timeoutMs: number): Target[] {
  const { namespace, canary, services } = workload
  const { version } = canary
  const [service] = services
  const options = { headers: headersOf(asker, page), timeoutMs, maxBytes: MAX_BYTES, signal: asker.signal }
  if (page.target === 'service' || asker.preview) {
    if (service === undefined || (asker.preview && page.target === 'pods' && service.preview === undefined)) return []
    const name = page.target === 'service' ? service.name : (service.preview ?? service.name)
    const target = { kind: 'Service' as const, namespace, name, port: page.port ?? service.port ?? 80 }
    return [
      {
        name: `Service/${name}`,
        version,
        ask: () => {
          asker.own.note()
          return asker.proxy(target, page.path, options)
        },
        stays: () => true,
      },
    ]
  }
  return canary.serving.map((pod) => {
    const name = pod.metadata.name ?? ''
    const port = podPort(pod, page.port)
    const target = { kind: 'Pod' as const, namespace, name, port }
    const stays = (): boolean =>
      asker.workloads().some(({ canary: now }) => now.serving.some(({ metadata }) => metadata.uid === pod.metadata.uid))
    const ask = (): Promise<Answer> => {
      asker.own.note(name)
      return asker.proxy(target, page.path, options)
    }
    return { name: `Pod/${name}`, version, ask, stays }
  })
}

/** The number of a pod's port: its name is looked up here, for the API server's proxy knows names of Services only. */
export function podPort(pod: Pod, asked: string | number | undefined): string | number {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? [])
  if (asked === undefined) return pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80
  return ports.find(({ name }) => name === asked)?.containerPort ?? asked
}

/** Secrets in headers are named by the config and read from the environment only here, when they are used. */
export function headersOf(asker: Asker, { headers }: { headers: Record<string, string> }): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, asker.expand(value)]))
}
