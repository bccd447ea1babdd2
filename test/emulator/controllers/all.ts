import type { RealServers } from '../pods/real-servers.ts'
import { ServiceFronts } from '../pods/service-fronts.ts'
import { bindClaims, DisruptionController, QuotaController } from './budgets.ts'
import { serveDefinitions } from './definitions.ts'
import { DeploymentController } from './deployment.ts'
import { EndpointSliceController } from './endpointslice.ts'
import { GarbageCollector, NamespaceController } from './garbage.ts'
import { JobController } from './job.ts'
import type { World } from './machinery.ts'
import { ReplicaSetController } from './replicaset.ts'
import { DaemonSetController, StatefulSetController } from './sets.ts'

const CONTROLLERS = [
  DeploymentController,
  ReplicaSetController,
  StatefulSetController,
  DaemonSetController,
  JobController,
  EndpointSliceController,
  GarbageCollector,
  NamespaceController,
  DisruptionController,
  QuotaController,
]

/** What acts by itself, once it is started; with real pods also the fronts of Services. */
export interface Running {
  controllers: object[]
  fronts: ServiceFronts | undefined
}

export function startControllers(world: World, establishMs: number, real: RealServers | undefined): Running {
  const controllers = CONTROLLERS.map((Controller) => new Controller(world))
  bindClaims(world)
  serveDefinitions(world, establishMs)
  return { controllers, fronts: real === undefined ? undefined : new ServiceFronts(world, real) }
}
