import type { Asker, CheckedSide, CheckedWorkload } from '../checks/asker.ts'
import { OwnRequests } from '../checks/own-requests.ts'
import { isServing } from '../health/pods.ts'
import { canaryName, previewName } from '../strategies/services.ts'
import { hashOf, type ServiceView, sideOf, type WorkloadView } from '../strategies/view.ts'
import type { Deps } from './deps.ts'
import type { Engine } from './engine.ts'
import { jobVerdict } from './jobs.ts'
import type { RolloutRecord, WorkloadRecord } from './record.ts'
import type { World } from './world.ts'

/**
 * What checks may ask while this engine runs.
 * @param signal when to end
 */
export function askerOf(engine: Engine, signal: AbortSignal): Asker {
  const { client, clock, fetchUrl, expand, runCommand, book, own } = engine.o
  const { record } = book
  return {
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms, signal),
    proxy: (target, path, options) => client.proxy(target, path, options),
    own,
    fetchUrl,
    expand,
    runCommand,
    runJob: (name, timeoutMs) => jobVerdict(engine, name, timeoutMs, signal),
    workloads: () => engine.workloads.map((workload) => checkedOf(engine.view(workload), record.strategy)),
    preview: record.strategy === 'blue-green',
    app: record.app,
    namespace: record.namespace,
    rollout: record.rollout,
    readySeen: engine.readySeen,
    sinceShare: () => engine.shareSince,
    signal,
  }
}

/** The same before the rollout begins: the old version alone. */
export function askerBefore(deps: Deps, world: Pick<World, 'workload'>, record: RolloutRecord): Asker {
  const { client, clock, cancel, fetchUrl, expand, runCommand } = deps
  const moved = record.workloads.filter(({ mode }) => mode === 'steps')
  return {
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms, cancel),
    proxy: (target, path, options) => client.proxy(target, path, options),
    own: new OwnRequests(),
    fetchUrl,
    expand,
    runCommand,
    runJob: () => Promise.reject(new Error('nothing is run before the start')),
    workloads: () => moved.map((workload) => checkedBefore(world, workload, clock.now())),
    preview: false,
    app: record.app,
    namespace: record.namespace,
    rollout: record.rollout,
    readySeen: new Set(),
    sinceShare: () => clock.now(),
    signal: cancel,
  }
}

function checkedBefore(world: Pick<World, 'workload'>, workload: WorkloadRecord, now: number): CheckedWorkload {
  const { namespace, name, stableName, stableHash, stableVersion, newVersion } = workload
  const { pods, replicaSets } = world.workload({ namespace, name: stableName ?? name })
  const own = pods.filter((pod) => hashOf(pod) === stableHash && pod.metadata.deletionTimestamp === undefined)
  const set = replicaSets.find((each) => hashOf(each) === stableHash)?.metadata.name
  return {
    namespace,
    name,
    stable: {
      version: stableVersion,
      ...(stableHash === undefined ? {} : { hash: stableHash }),
      ...(set === undefined ? {} : { replicaSet: set }),
      pods: own,
      serving: own.filter((pod) => isServing(pod, 0, now)),
    },
    canary: { version: newVersion, pods: [], serving: [] },
    services: [],
  }
}

function checkedOf(view: WorkloadView, strategy: string): CheckedWorkload {
  const { record, services } = view
  const stable = sideOf(view, 'stable')
  const next = sideOf(view, 'next')
  const checked = (side: typeof stable, version: string, least: number): CheckedSide => ({
    version,
    ...(side.hash === undefined ? {} : { hash: side.hash }),
    ...(side.replicaSet?.metadata.name === undefined ? {} : { replicaSet: side.replicaSet.metadata.name }),
    pods: side.pods,
    serving: side.pods.filter((pod) => isServing(pod, least, view.now)),
  })
  return {
    namespace: record.namespace,
    name: record.name,
    stable: checked(stable, record.stableVersion, view.versions.stableFields.minReadySeconds),
    canary: checked(next, record.newVersion, view.versions.nextFields.minReadySeconds),
    services: services.map((service) => checkedService(service, strategy)),
  }
}

function checkedService({ record, live, canary }: ServiceView, strategy: string): CheckedWorkload['services'][number] {
  const port = live?.spec.ports?.[0]?.port
  const preview = strategy === 'blue-green' ? previewName(record.name) : canary && canaryName(record.name)
  return {
    name: record.name,
    ...(port === undefined ? {} : { port }),
    ...(preview === undefined ? {} : { preview }),
  }
}
