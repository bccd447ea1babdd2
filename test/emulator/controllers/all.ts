import type { RealServers } from '../pods/real-servers.ts'
import { ServiceFronts } from '../pods/service-fronts.ts'
import { ClaimController, DisruptionController, QuotaController } from './budgets.ts'
import { DeploymentController } from './deployment.ts'
import { EndpointSliceController } from './endpointslice.ts'
import { DefinitionController, GarbageCollector, NamespaceController } from './garbage.ts'
import { JobController } from './job.ts'
import type { World } from './machinery.ts'
import { ReplicaSetController } from './replicaset.ts'
import { DaemonSetController, StatefulSetController } from './sets.ts'

/** Starts everything that acts by itself; with real pods the answer finds the URLs of Services. */
export function startControllers(
  world: World,
  establishMs: number,
  real: RealServers | undefined,
): ServiceFronts | undefined {
  const parts = [DeploymentController, ReplicaSetController, StatefulSetController, DaemonSetController, JobController]
  for (const Part of [...parts, EndpointSliceController, GarbageCollector, NamespaceController]) new Part(world)
  for (const Part of [DisruptionController, QuotaController, ClaimController]) new Part(world)
  new DefinitionController(world, establishMs)
  return real === undefined ? undefined : new ServiceFronts(world, real)
}
