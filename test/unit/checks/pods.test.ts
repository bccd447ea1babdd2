import { describe, expect, it } from 'vitest'
import { judgePods, measurePods } from '../../../src/checks/pods.ts'
import type { PodsCheck } from '../../../src/checks/spec.ts'
import { checkOf } from '../../../src/input/checks.ts'
import type { Pod } from '../../../src/shared/objects.ts'
import { askerWith, workload } from './asked.ts'

const AT = Date.UTC(2026, 0, 1)
const iso = (ms: number): string => new Date(AT + ms).toISOString()

function pod(restarts: number, readyAfter: number | undefined): Pod {
  const condition = {
    type: 'Ready',
    status: readyAfter === undefined ? 'False' : 'True',
    lastTransitionTime: iso(readyAfter ?? 0),
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', creationTimestamp: iso(0) },
    spec: { containers: [] },
    status: { conditions: [condition], containerStatuses: [{ name: 'app', restartCount: restarts }] },
  }
}

const check = checkOf('pods', { pods: { restarts: 1, 'ready-within': '30s' } }) as PodsCheck

describe('pods of the new version', () => {
  it.each([
    ['none', [], 'inconclusive', 'no pod'],
    ['well', [pod(1, 30_000)], 'pass', '1 pod, at most 1 restarts'],
    ['restarted', [pod(0, 1_000), pod(2, 1_000)], 'fail', 'has restarted 2 times, at most 1'],
    ['slow', [pod(0, 31_000)], 'fail', 'took 31 s to be ready'],
    ['not ready in time', [pod(0, undefined)], 'fail', 'is not ready after 60 s'],
  ])('%s', (_name, pods, kind, text) => {
    const verdict = judgePods(pods, check, AT + 60_000)
    expect(verdict.kind).toBe(kind)
    expect(verdict.text).toContain(text)
  })

  it('that have been ready in time are not late when they are ready once more', () => {
    const late = { ...pod(0, 50_000), metadata: { ...pod(0, 0).metadata, uid: 'one' } }
    expect(judgePods([late], check, AT + 60_000)).toMatchObject({ kind: 'fail' })
    expect(judgePods([late], check, AT + 60_000, new Set(['one']))).toMatchObject({ kind: 'pass' })
    const lapsed = { ...pod(0, undefined), metadata: late.metadata }
    expect(judgePods([lapsed], check, AT + 60_000, new Set(['one']))).toMatchObject({ kind: 'inconclusive' })
    // It remembers by itself
    const canary = { ...workload().canary, pods: [{ ...pod(0, 2_000), metadata: late.metadata }] }
    const asker = askerWith({ now: () => AT + 3_000, workloads: () => [workload({ canary })] })
    expect(measurePods(asker, check)).toMatchObject({ kind: 'pass' })
    expect([...asker.readySeen]).toEqual(['one'])
  })

  it('that are not ready yet tell nothing', () => {
    expect(judgePods([pod(0, undefined)], check, AT + 20_000)).toMatchObject({ kind: 'inconclusive' })
  })
})
