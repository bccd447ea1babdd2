import { type Check, checksAsked } from '../checks/spec.ts'
import { each, type Need, type NeedsInput, namespacesOf, optional } from './needs.ts'

/** Checks ask pods or Services through the API server; Jobs of steps come and go with a number in their name. */
export function stepNeeds(input: NeedsInput): Need[] {
  const { steps = [], checks = {} } = input
  const asked = checksAsked(steps, checks)
  const jobs = steps.some(({ kind }) => kind === 'job') || asked.some(({ kind }) => kind === 'job')
  // A check that only its name is known of may ask either.
  const unknown = steps.some((step) => step.kind === 'check' && step.names.some((name) => checks[name] === undefined))
  const proxied = unknown || asked.some(asksPods) || steps.some(({ kind }) => kind === 'warm-up')
  const inside = asked.flatMap((check) => servicesAsked(check))
  return [
    ...namespacesOf(input).flatMap((namespace) => [
      ...(jobs
        ? each({ group: 'batch', resource: 'jobs', namespace }, 'get', 'list', 'watch', 'create', 'delete')
        : []),
      ...(proxied
        ? ['pods', 'services'].flatMap((resource) =>
            each({ group: '', resource, subresource: 'proxy', namespace }, 'get'),
          )
        : []),
    ]),
    // A right to the proxy is asked for under the name in the path, which carries the port.
    ...inside.flatMap(({ namespace, name, port }) =>
      each({ group: '', resource: 'services', subresource: 'proxy', namespace, name: `${name}:${port}` }, 'get'),
    ),
  ]
}

function asksPods(check: Check): boolean {
  if (check.kind === 'http' || check.kind === 'version') return check.url === undefined
  return check.kind === 'compare' && check.source.kind === 'pods'
}

/** Services that are asked wherever they are: a Prometheus of the cluster. */
function servicesAsked(check: Check): { namespace: string; name: string; port: number }[] {
  const source =
    check.kind === 'prometheus'
      ? check.source
      : check.kind === 'compare' && check.source.kind === 'prometheus'
        ? check.source.at
        : undefined
  return source !== undefined && 'service' in source ? [source.service] : []
}

/** Without them a rollout goes on unseen by the update checker. */
export function pollNeeds(input: NeedsInput): Need[] {
  if (input.polls !== true) return []
  // Pods that end but still serve are all that is left in the middle of a recreate, and only there.
  const asked = input.strategy === 'recreate' ? ['services', 'pods'] : ['services']
  return optional(
    namespacesOf(input).flatMap((namespace) =>
      asked.flatMap((resource) => each({ group: '', resource, subresource: 'proxy', namespace }, 'get')),
    ),
  )
}
