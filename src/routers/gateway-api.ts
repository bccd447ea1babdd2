import { routeProblems } from './gateway-problems.ts'
import { leadsOnlyTo, newRules, pinRules, refOf, rulesOf, sideOf, withRules } from './gateway-rules.ts'
import { routeStatus } from './gateway-status.ts'
import type { ObjectKind, Router } from './router.ts'

const GROUP = 'gateway.networking.k8s.io'

const KINDS: ObjectKind[] = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'].flatMap((kind) =>
  // The older versions of those that became stable late; of one kind the first that is served is used.
  ['v1', ...(kind.startsWith('T') ? ['v1alpha3', 'v1alpha2'] : [])].map((version) => ({
    apiVersion: `${GROUP}/${version}`,
    kind,
  })),
)

/** Routes of the Gateway API, for whichever gateway or mesh reads them. */
export const gatewayApi: Router = {
  name: 'gateway-api',
  kinds: KINDS,
  related: [],
  settleMs: 3_000,
  leadsTo: ({ object }, service) => rulesOf(object).some((rule) => refOf(rule, service, object) !== undefined),
  problems: routeProblems,
  wanted: (route, split) => [withRules(route.object, newRules(route, split))],
  verify: routeStatus,
  withPins: (object, split) =>
    withRules(
      object,
      rulesOf(object).flatMap((rule) => {
        const side = sideOf(rule, split, object)
        return side === undefined ? [rule] : [...split.pins.flatMap((pin) => pinRules(rule, side, pin, object)), rule]
      }),
    ),
  withoutPins: (object, services) =>
    withRules(
      object,
      rulesOf(object).filter((rule) => !leadsOnlyTo(rule, services)),
    ),
}
