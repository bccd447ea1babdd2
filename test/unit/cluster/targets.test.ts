import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { scrapeTarget, TargetsFile } from '../../cluster/kubelet/targets.ts'
import type { BoundPod } from '../../cluster/kubelet/types.ts'

type Ports = NonNullable<BoundPod['spec']['containers'][number]['ports']>

function pod(name: string, ports: Ports = [{ name: 'http', containerPort: 8080 }]): BoundPod {
  const labels = { app: 'web', 'app.kubernetes.io/name': 'shop', pod: 'a name of its own' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, labels },
    spec: { containers: [{ name: 'app', image: 'app:1', ports }] },
    status: { phase: 'Running', podIP: '192.0.2.7' },
  }
}

test('a pod has its labels, and its name and namespace whatever they say', () => {
  const labels = { app: 'web', app_kubernetes_io_name: 'shop', namespace: 'shop', pod: 'web-1' }
  expect(scrapeTarget(pod('web-1'))).toEqual({ targets: ['192.0.2.7:8080'], labels })
})

test('the port named metrics wins, and gRPC has no page', () => {
  const grpc = { name: 'grpc', containerPort: 9000 }
  const http = { name: 'http', containerPort: 8080 }
  const metrics = { name: 'metrics', containerPort: 9100 }
  expect(scrapeTarget(pod('a', [grpc, http, metrics]))?.targets).toEqual(['192.0.2.7:9100'])
  expect(scrapeTarget(pod('a', [grpc, http]))?.targets).toEqual(['192.0.2.7:8080'])
  expect(scrapeTarget(pod('a', [grpc]))).toBeUndefined()
  expect(scrapeTarget(pod('a', []))).toBeUndefined()
})

test('a pod is asked while it runs', () => {
  for (const phase of ['Pending', 'Succeeded', 'Failed'])
    expect(scrapeTarget({ ...pod('a'), status: { phase, podIP: '192.0.2.7' } })).toBeUndefined()
  expect(scrapeTarget({ ...pod('a'), status: { phase: 'Running' } })).toBeUndefined()
})

test('the file follows the pods', () => {
  vi.useFakeTimers()
  const folder = mkdtempSync(join(tmpdir(), 'targets-'))
  onTestFinished(() => {
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'own', 'pods.json')
  const targets = new TargetsFile(file)
  const names = (): string[] => {
    vi.advanceTimersByTime(1_000)
    const found = JSON.parse(readFileSync(file, 'utf8')) as { labels: { pod: string } }[]
    return found.map(({ labels }) => labels.pod)
  }
  targets.replace([pod('a'), pod('b')])
  expect(names()).toEqual(['a', 'b'])
  targets.set(pod('c'))
  targets.delete('uid-a')
  expect(names()).toEqual(['b', 'c'])
  targets.set({ ...pod('b'), status: { phase: 'Failed', podIP: '192.0.2.7' } })
  expect(names()).toEqual(['c'])
  targets.replace([])
  expect(names()).toEqual([])
})
