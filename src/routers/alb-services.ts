import type { KubeObject } from '../shared/objects.ts'
import { mapAt, type Problem, type Route, type Split } from './router.ts'

const PREFIX = 'alb.ingress.kubernetes.io/'
const TARGET_TYPE = `${PREFIX}target-type`

/**
 * What a target group reads from its Service. The one of the new version has ports and a selector, no annotations and no
 * node ports. Source: the controller's target groups, and its actions, which read no authentication from one of two.
 */
export function targetProblems({ object, related }: Route, { sides }: Split): Problem[] {
  const services = related.filter(
    ({ kind, metadata }) => kind === 'Service' && sides.some(({ stable }) => stable === metadata.name),
  )
  return services.flatMap((service) => [...annotationProblems(service), ...typeProblems(object, service)])
}

function annotationProblems({ metadata: { annotations = {}, name = '' } }: KubeObject): Problem[] {
  const own = Object.keys(annotations).filter((key) => key.startsWith(PREFIX))
  if (own.length === 0) return []
  return [
    {
      reason: `Service/${name} tells its target group ${own.map((key) => key.slice(PREFIX.length)).join(', ')}, which the Service of the new version would not; beside a second group its authentication is not asked for either`,
      mend: 'move these annotations to the Ingress',
    },
  ]
}

/** Nodes are the targets unless it is said otherwise; a Service without a node port can have been told so only. */
function typeProblems(object: KubeObject, service: KubeObject): Problem[] {
  const told = object.metadata.annotations?.[TARGET_TYPE]
  const { type = 'ClusterIP' } = mapAt(service, 'spec')
  if (told === 'ip' || (told === undefined && type === 'ClusterIP')) return []
  return [
    {
      reason: `its targets are nodes unless ${TARGET_TYPE} is ip, and the Service of the new version has no node port`,
      mend: `set ${TARGET_TYPE}: ip at the Ingress`,
    },
  ]
}
