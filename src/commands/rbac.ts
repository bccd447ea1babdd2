import { Discovery } from '../kubernetes/discovery.ts'
import { neededRights, roleFor } from '../preflight/rights.ts'
import { loadRelease, type SourceText } from '../rollout/release.ts'
import { COMMANDS, type Settings } from '../rollout/settings.ts'
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
  const { strategy, pods, prune, steps } = settings
  const objects = release.objects.map(({ object }) => object)
  const { app } = release
  const needs = neededRights({ commands: COMMANDS, app, namespace, strategy, pods, prune, objects, steps })
  return roleFor(needs, `headgate-${app}`)
}
