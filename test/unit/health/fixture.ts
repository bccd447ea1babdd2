import { readFileSync } from 'node:fs'
import type { DiagnosisInput } from '../../../src/health/diagnosis.ts'
import { diagnose } from '../../../src/health/diagnosis.ts'
import type { Diagnosis, Symptom } from '../../../src/health/symptom.ts'
import type {
  Container,
  ContainerStatus,
  Deployment,
  Job,
  KubeEvent,
  Pod,
  ReplicaSet,
} from '../../../src/shared/objects.ts'

/** Objects as a real Kubernetes 1.36 showed them; `states` is one pod over time, as a watch told it. */
export interface Fixture {
  pods: Pod[]
  states?: Pod[]
  replicaSet?: ReplicaSet
  deployment?: Deployment
  job?: Job
  events: KubeEvent[]
}

export function fixture(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as Fixture
}

export const NOW = Date.parse('2026-11-22T17:00:00Z')

export function look(input: Partial<DiagnosisInput>): Diagnosis {
  return diagnose({ pods: [], now: NOW, firstSeen: new Map(), ...input })
}

interface PodOptions {
  name?: string
  spec?: Partial<Pod['spec']>
  status?: Pod['status']
}

/** A running pod with one container named app, changed as told. */
export function pod({ name = 'web-1', spec = {}, status = {} }: PodOptions = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: { nodeName: 'node1', containers: [{ name: 'app', image: 'app:2' }], ...spec },
    status,
  }
}

/** A pod whose only container is in that state. */
export function podWith(status: Partial<ContainerStatus>, container: Partial<Container> = {}, name = 'web-1'): Pod {
  return pod({
    name,
    spec: { containers: [{ name: 'app', image: 'app:2', ...container }] },
    status: { containerStatuses: [{ name: 'app', image: 'app:2', ready: false, restartCount: 0, ...status }] },
  })
}

export function waiting(reason: string, message?: string): ContainerStatus['state'] & object {
  return { waiting: { reason, ...(message === undefined ? {} : { message }) } }
}

/** A run that ended `seconds` after its start. */
export function ended(
  exitCode: number,
  reason = 'Error',
  seconds = 1,
  message?: string,
): ContainerStatus['state'] & object {
  const at = (offset: number): string => new Date(NOW - 60_000 + offset * 1_000).toISOString()
  const terminated = { exitCode, reason, startedAt: at(0), finishedAt: at(seconds) }
  return { terminated: message === undefined ? terminated : { ...terminated, message } }
}

export function event(reason: string, message: string, more: Partial<KubeEvent> = {}): KubeEvent {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `e-${reason}` },
    type: 'Warning',
    reason,
    message,
    count: 1,
    lastTimestamp: new Date(NOW - 1_000).toISOString(),
    involvedObject: { kind: 'Pod', name: 'web-1', namespace: 'shop', uid: 'uid-web-1' },
    ...more,
  }
}

export function brief({ symptoms, fatal }: Diagnosis): string[] {
  return symptoms.map((s) => `${s.code} ${s.fatal}${s.key === fatal?.key ? ' FATAL' : ''}`)
}

export function only({ symptoms }: Diagnosis): Symptom {
  const [first] = symptoms
  if (first === undefined || symptoms.length !== 1) throw new Error(`expected one symptom: ${JSON.stringify(symptoms)}`)
  return first
}
