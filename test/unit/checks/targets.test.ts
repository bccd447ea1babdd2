import { describe, expect, it } from 'vitest'
import { measureHttp } from '../../../src/checks/http.ts'
import type { HttpCheck } from '../../../src/checks/spec.ts'
import { podPort } from '../../../src/checks/targets.ts'
import { checkOf } from '../../../src/input/checks.ts'
import type { Pod } from '../../../src/shared/objects.ts'
import { askerWith, clock, workload } from './asked.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-bbb-1', uid: 'one' },
  spec: {
    containers: [
      { name: 'app', image: 'web', ports: [{ name: 'http', containerPort: 8080 }] },
      { name: 'side', image: 'side', ports: [{ name: 'metrics', containerPort: 9100 }] },
    ],
  },
}

describe("a pod's port", () => {
  it.each([
    [undefined, 8080],
    ['http', 8080],
    ['metrics', 9100],
    [9999, 9999],
    ['unknown', 'unknown'],
  ])('%s is %s', (asked, port) => expect(podPort(pod, asked)).toBe(port))
})

describe('a pod that answers wrongly', () => {
  it.each([
    ['fails the check while it serves', true, 'fail'],
    ['says nothing of the version once it has gone', false, 'inconclusive'],
  ])('%s', async (_name, stays, kind) => {
    let asked = false
    const now = (): Pod[] => (asked && !stays ? [] : [pod])
    const asker = askerWith({
      workloads: () => [workload({ canary: { version: '2.0', pods: now(), serving: now() } })],
      proxy: () => {
        asked = true
        return Promise.resolve({ status: 404, headers: {}, body: 'pods "web-bbb-1" not found' })
      },
    })
    const check = checkOf('home', { http: {} }) as HttpCheck
    expect(await clock.run(measureHttp(asker, check))).toMatchObject({ kind })
  })
})
