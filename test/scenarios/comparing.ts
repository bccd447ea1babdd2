import { checkOf } from '../../src/input/checks.ts'
import type { CheckValues } from '../../src/input/checks-schema.ts'
import type { ReportEvent } from '../../src/report/events.ts'
import { canaryOf, V1, V2 } from './given.ts'
import type { RunOptions, World } from './world.ts'

const IMAGE = 'gihyodocker/echo-version'

export interface Traffic {
  /** requests a second to each pod */
  rps: number
  /** share of them that fails, by version */
  errors?: Record<string, number>
  /** share that takes longer than half a second, by version */
  slow?: Record<string, number>
}

/** The metrics page of a pod that has answered steadily since it was made. */
export function pageOf({ rps, errors = {}, slow = {} }: Traffic, version: string, seconds: number): string {
  const total = Math.floor(rps * seconds)
  const bad = Math.floor(total * (errors[version] ?? 0))
  const late = Math.floor(total * (slow[version] ?? 0))
  return [
    '# TYPE http_requests_total counter',
    `http_requests_total{code="200"} ${total - bad}`,
    ...(bad === 0 ? [] : [`http_requests_total{code="500"} ${bad}`]),
    '# TYPE http_request_duration_seconds histogram',
    `http_request_duration_seconds_bucket{le="0.1"} ${Math.floor(total * 0.9) - late}`,
    `http_request_duration_seconds_bucket{le="0.5"} ${total - late}`,
    `http_request_duration_seconds_bucket{le="+Inf"} ${total}`,
    `http_request_duration_seconds_count ${total}`,
    '',
  ].join('\n')
}

/** All pods answer steadily, and tell it. */
export function busy(world: World, traffic: Traffic, page?: (version: string) => string | undefined): void {
  for (const version of [V1, V2])
    world.emulator.setBehaviour(`${IMAGE}:${version}`, {
      http: ({ path }, pod) => {
        if (!path.startsWith('/metrics')) return undefined
        const age = (world.clock.now() - Date.parse(pod.metadata.creationTimestamp ?? '')) / 1_000
        return { status: 200, body: page?.(version) ?? pageOf(traffic, version, age) }
      },
    })
}

export function comparing(values: CheckValues, plan: string, more: RunOptions = {}): RunOptions {
  return canaryOf(V2, { plan, checks: { rates: checkOf('rates', values) }, ...more })
}

export function linesOf(events: ReportEvent[]): string {
  return events.flatMap((event) => (event.kind === 'line' ? [event.text] : [])).join('\n')
}

export const THROUGHOUT = { compare: {}, throughout: true } as const
