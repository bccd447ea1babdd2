import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { isHost, renamed } from './istio-hosts.ts'
import { made, mapAt, mapsIn, type Problem, type Route, type Side, type Split, textOf } from './router.ts'

/**
 * Copies of the stable host's DestinationRules for the new one, so that mutual TLS, pools and load balancing hold there as
 * well. Subsets stay with their policy and without their labels: the Service leads to the new pods alone, whatever they
 * are labelled.
 */
export function policies(route: Route, split: Split): KubeObject[] {
  return split.sides.flatMap((side) =>
    policiesOf(route, side).map((rule) => {
      const spec = mapAt(rule, 'spec')
      const subsets = mapsIn(spec['subsets']).map(({ labels: _labels, ...subset }) => subset)
      return made({ apiVersion: rule.apiVersion, kind: rule.kind }, copyName(rule), route, split, {
        ...spec,
        host: renamed(spec['host'], side.canary),
        ...(spec['subsets'] === undefined ? {} : { subsets }),
      })
    }),
  )
}

/** Where to in the new version: a subset stays when the copied rules have it, since nothing is known of another. */
export function canaryDestination(from: JsonMap, route: Route, side: Side): JsonMap {
  const { subset, ...destination } = mapAt(from, 'destination')
  const known = policiesOf(route, side).some((rule) =>
    mapsIn(mapAt(rule, 'spec')['subsets']).some(({ name }) => name === subset),
  )
  return { ...destination, host: renamed(destination['host'], side.canary), ...(known ? { subset } : {}) }
}

/** Somebody else's DestinationRule stands where a copy would be made. */
export function policyProblems(route: Route, split: Split): Problem[] {
  const [label = ''] = Object.keys(split.labels)
  const taken = split.sides.flatMap((side) => policiesOf(route, side).map(copyName))
  return rulesIn(route)
    .filter(({ metadata }) => taken.includes(metadata.name ?? '') && metadata.labels?.[label] !== split.labels[label])
    .map(({ metadata: { name = '' } }) => ({
      reason: `DestinationRule/${name} is there already, and a copy for the new version needs its name`,
      mend: 'remove or rename it',
    }))
}

function copyName({ metadata }: KubeObject): string {
  return `${metadata.name ?? ''}-canary`
}

function policiesOf(route: Route, { stable }: Side): KubeObject[] {
  return rulesIn(route).filter((rule) => isHost(textOf(mapAt(rule, 'spec')['host']), stable, route.object))
}

/** One object is listed under every version that is served: the newest stands first. */
function rulesIn({ related }: Route): KubeObject[] {
  const rules = related.filter(({ kind }) => kind === 'DestinationRule')
  return rules.filter(({ metadata }, at) => rules.findIndex((other) => other.metadata.name === metadata.name) === at)
}
