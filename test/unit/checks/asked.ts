import type { Asker, CheckedWorkload } from '../../../src/checks/asker.ts'
import { OwnRequests } from '../../../src/checks/own-requests.ts'
import { VirtualClock } from '../../emulator/clock.ts'

export const clock = new VirtualClock()

export function workload(more: Partial<CheckedWorkload> = {}): CheckedWorkload {
  const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [] } })
  return {
    namespace: 'shop',
    name: 'web',
    stable: {
      version: '1.0',
      hash: 'aaa',
      replicaSet: 'web-aaa',
      pods: [pod('web-aaa-1')],
      serving: [pod('web-aaa-1')],
    },
    canary: {
      version: '2.0',
      hash: 'bbb',
      replicaSet: 'web-bbb',
      pods: [pod('web-bbb-1')],
      serving: [pod('web-bbb-1')],
    },
    services: [{ name: 'web', port: 80 }],
    ...more,
  }
}

/** Somebody to ask who answers nothing but what a test gives. */
export function askerWith(more: Partial<Asker> = {}): Asker {
  const never = (): Promise<never> => Promise.reject(new Error('not asked in this test'))
  return {
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms),
    proxy: never,
    own: new OwnRequests(),
    fetchUrl: never,
    runCommand: never,
    runJob: never,
    expand: (text) => text,
    workloads: () => [workload()],
    preview: false,
    app: 'web',
    namespace: 'shop',
    rollout: 3,
    readySeen: new Set(),
    sinceShare: () => clock.now() - 42_000,
    signal: new AbortController().signal,
    ...more,
  }
}
