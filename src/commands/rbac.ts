import { Discovery } from '../kubernetes/discovery.ts'
import { routerNamed } from '../routers/all.ts'
import { neededRights, roleFor } from '../preflight/rights.ts'
import { loadRelease, type SourceText } from '../rollout/release.ts'
import { asksService, COMMANDS, type Settings } from '../rollout/settings.ts'
import { requireWorkloads } from './early.ts'

/**
 * The least Role for every command of this app, as YAML, from the manifests alone: whoever has no rights yet cannot ask
 * the cluster. Kinds that are not builtin are taken as namespaced with the usual plural.
 */
export async function rbac(files: SourceText[], settings: Settings, namespace: string): Promise<string> {
  const builtin = new Discovery(() => Promise.reject(new Error('rbac asks no cluster')))
  const release = await loadRelease(files, settings, namespace, {
    addCrd: (crd) => builtin.addCrd(crd),
    resourceOf: (apiVersion, kind) =>
      Promise.resolve(
        builtin.known(apiVersion, kind) ?? { apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced: true },
      ),
  })
  requireWorkloads(release, settings)
  const { strategy, pods, prune, steps, checks, traffic } = settings
  // Without a cluster nobody can look for a route: only a router that is named has rights of its own here.
  const router = traffic.router === 'auto' || traffic.router === 'none' ? undefined : routerNamed(traffic.router)
  const objects = release.objects.map(({ object }) => object)
  const { app } = release
  const needs = neededRights({
    commands: COMMANDS,
    app,
    namespace,
    strategy,
    pods,
    prune,
    objects,
    steps,
    checks,
    polls: asksService(settings),
    ...(strategy === 'canary' && router !== undefined
      ? { routing: { router, routes: [] }, keeps: traffic.keep !== undefined }
      : {}),
  })
  return roleFor(needs, `headgate-${app}`)
}
