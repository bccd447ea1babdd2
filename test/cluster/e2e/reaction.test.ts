/** How soon Headgate acts on what it sees: from the write that makes the last pod ready, or gone, to its own next write. */
import { describe, expect, test } from 'vitest'
import type { AuditedRequest } from '../audit.ts'
import { APP, onStage, type Stage } from './stage.ts'
import { ownCluster } from './world.ts'

/** Milliseconds; the bar of the project. */
const P95 = 150
/** Each moves one pod of ten. */
const STEPS = ['10%', '20%', '30%', '40%', '50%', '60%', '70%', '80%', '90%'].join(', ')

/**
 * For each of Headgate's writes that follows news from the node: milliseconds between the answer to the kubelet's last
 * write, a new pod's status or a pod's removal, and the arrival of Headgate's. What the controllers need in between is
 * counted as Headgate's, so no figure is too small.
 */
function reactions(requests: readonly AuditedRequest[], newPods: string): number[] {
  const found: number[] = []
  let news: string | undefined
  for (const each of [...requests].sort((a, b) => (a.at < b.at ? -1 : 1))) {
    const { verb, resource, userAgent } = each
    const isReady = verb === 'patch' && resource === 'pods/status' && each.name.startsWith(newPods)
    const isGone = verb === 'delete' && resource === 'pods' && !userAgent.startsWith('kube-controller-manager/')
    if (isReady || isGone) news = each.answered
    const acts = userAgent.startsWith('headgate/') && ['create', 'patch'].includes(verb)
    if (!acts || each.uri.includes('dryRun=All') || news === undefined) continue
    found.push(Date.parse(each.at) - Date.parse(news))
    news = undefined
  }
  return found
}

async function rollout(stage: Stage, version: string): Promise<number[]> {
  const { audit } = stage.world.cluster
  stage.checkout(version)
  const mark = audit.mark()
  const { exitCode, log } = await stage.action({ strategy: 'canary', steps: STEPS })
  expect(exitCode, log).toBe(0)
  const { namespace } = stage.world
  const requests = audit.since(mark).filter((each) => each.namespace === namespace)
  await stage.serves(version)
  const pod = (await stage.world.list('pods')).find(({ metadata }) => metadata.name?.startsWith(`${APP}-`) === true)
  const hash = pod?.metadata.labels?.['pod-template-hash'] ?? ''
  expect(hash).not.toBe('')
  return reactions(requests, `${APP}-${hash}-`)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

describe.runIf(ownCluster)('a verdict', () => {
  test(`is acted on within ${P95} ms`, () =>
    onStage('reaction', { replicas: 10 }, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const times: number[] = []
      for (const version of ['0.2.0', '0.3.0', '0.4.0', '0.5.0']) times.push(...(await rollout(stage, version)))
      const [median, p95] = [quantile(times, 0.5), quantile(times, 0.95)]
      stage.tell(`${times.length} verdicts, median ${median} ms, p95 ${p95} ms, longest ${Math.max(...times)} ms`)
      expect(times.length).toBeGreaterThanOrEqual(30)
      expect(p95, times.join(' ')).toBeLessThanOrEqual(P95)
    }))
})
