import { describe, expect, it } from 'vitest'
import { filled, unknownWords, windowOf } from '../../../src/checks/template.ts'
import type { Pod } from '../../../src/shared/objects.ts'
import { askerWith, workload } from './asked.ts'

describe('words in double braces', () => {
  it('are put in', () => {
    const text =
      'rate(x{pod=~"{{canary}}",ns="{{ namespace }}"}[{{window}}]) {{stable-hash}} {{canary-version}} {{service}} {{rollout}}'
    expect(filled(text, askerWith())).toEqual({
      text: 'rate(x{pod=~"web-bbb-[a-z0-9]+",ns="shop"}[60s]) aaa 2.0 web 3',
    })
  })

  it('name the pods of all workloads, and dots in names need no backslash', () => {
    const second = workload({ name: 'a.b', canary: { ...workload().canary, replicaSet: 'a.b-ccc' } })
    const asker = askerWith({ workloads: () => [workload(), second] })
    expect(filled('{{canary}}', asker)).toEqual({ text: '(web-bbb-[a-z0-9]+|a[.]b-ccc-[a-z0-9]+)' })
  })

  it('name each pod where the API server has cut off what tells the versions apart', () => {
    const replicaSet = `${'x'.repeat(60)}-bbb`
    const pods = [1, 2].map((at) => ({ ...workload().canary.pods[0], metadata: { name: `x.${at}` } }))
    const canary = { ...workload().canary, replicaSet, pods: pods as Pod[] }
    const asker = askerWith({ workloads: () => [workload({ canary })] })
    expect(filled('{{canary}}', asker)).toEqual({ text: '(x[.]1|x[.]2)' })
  })

  it('without their pods are said to be missing', () => {
    const asker = askerWith({ workloads: () => [workload({ canary: { version: '2.0', pods: [], serving: [] } })] })
    expect(filled('{{canary}}', asker)).toEqual({ missing: '{{canary}} is not known: there are no such pods now' })
  })

  it('that mean nothing are found', () => {
    expect(unknownWords('{{canary}} {{canery}} {{ pod }} {x}')).toEqual(['canery', 'pod'])
  })

  it.each([
    [0, '60s'],
    [92_900, '92s'],
    [3_600_000, '300s'],
  ])('a window after %d ms', (ms, text) => {
    expect(windowOf(ms)).toBe(text)
  })
})
