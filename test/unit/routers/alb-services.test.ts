import { describe, expect, it } from 'vitest'
import { alb } from '../../../src/routers/alb.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { albIngress, object, route, split } from './given.ts'

const PREFIX = 'alb.ingress.kubernetes.io'

const service = (type?: string, annotations?: Record<string, string>, name = 'web'): KubeObject => {
  const made = object(
    'v1',
    'Service',
    { ...(type === undefined ? {} : { type }), selector: { app: 'web' } },
    annotations,
  )
  return { ...made, metadata: { ...made.metadata, name } }
}

function ingressOf(targets?: string): KubeObject {
  const given = albIngress([{ serviceName: 'web', servicePort: 80 }])
  const told = targets === undefined ? {} : { [`${PREFIX}/target-type`]: targets }
  return { ...given, metadata: { ...given.metadata, annotations: { ...given.metadata.annotations, ...told } } }
}

describe('what a target group reads from its Service', () => {
  const problems = (targets: string | undefined, ...related: KubeObject[]) =>
    alb.problems(route(ingressOf(targets), ...related), split()).map(({ reason }) => reason)
  const nodes =
    'its targets are nodes unless alb.ingress.kubernetes.io/target-type is ip, and the Service of the new version has no node port'

  it.each<[string, string | undefined, KubeObject]>([
    ['pods as targets', 'ip', service('NodePort')],
    ['pods as targets by the controller, since there is no node port', undefined, service()],
    ['annotations of others', 'ip', service('ClusterIP', { 'prometheus.io/scrape': 'true' })],
    ['another Service', 'ip', service('ClusterIP', { [`${PREFIX}/healthcheck-path`]: '/ready' }, 'api')],
  ])('nothing is wrong with %s', (_, targets, related) => {
    expect(problems(targets, related)).toEqual([])
  })

  it.each<[string, string | undefined, KubeObject]>([
    ['by its annotation', 'instance', service('ClusterIP')],
    ['by default', undefined, service('NodePort')],
    ['by default, behind a balancer of its own', undefined, service('LoadBalancer')],
  ])('nodes as targets %s', (_, targets, related) => {
    expect(problems(targets, related)).toEqual([nodes])
  })

  it('annotations for its target group', () => {
    const told = service('ClusterIP', { [`${PREFIX}/healthcheck-path`]: '/ready', [`${PREFIX}/auth-type`]: 'oidc' })
    expect(problems('ip', told)).toEqual([
      'Service/web tells its target group healthcheck-path, auth-type, which the Service of the new version would not; beside a second group its authentication is not asked for either',
    ])
  })
})
