/** Serves the kinds of CustomResourceDefinitions, a moment after they appear. */
import type { KubeObject } from '../../../src/shared/objects.ts'
import { asObject, mapAt, mapsAt, textAt, timestamp } from '../values.ts'
import type { World } from './machinery.ts'

const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions'

export function serveDefinitions(world: World, establishMs: number): void {
  world.informers.on(DEFINITIONS, ({ type, object }) => {
    const { objects, clock } = world
    if (type === 'ADDED') clock.timer(establishMs, () => establish(world, object.metadata.name ?? ''))
    else if (type === 'MODIFIED') objects.resources.register(object)
    else {
      const group = textAt(object, 'spec', 'group') ?? ''
      const plural = textAt(object, 'spec', 'names', 'plural') ?? ''
      for (const item of objects.store.list(`${group}/${plural}`)) objects.store.remove(`${group}/${plural}`, item)
      objects.resources.unregister(group, plural)
    }
  })
}

function establish({ objects, clock }: World, name: string): void {
  const live = objects.store.get(DEFINITIONS, undefined, name)
  if (live === undefined) return
  objects.resources.register(live)
  const at = timestamp(clock.now())
  const storage = mapsAt(live, 'spec', 'versions').find((version) => version['storage'] === true)
  const status = {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found', at),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted', at),
    ],
    acceptedNames: mapAt(live, 'spec', 'names'),
    storedVersions: [textAt(storage, 'name') ?? 'v1'],
  }
  const next: KubeObject = asObject({ ...live, status })
  objects.update(objects.resources.named(DEFINITIONS.split('/')[1] ?? ''), live, next, {
    manager: 'kube-apiserver',
    subresource: 'status',
  })
}

function condition(type: string, reason: string, message: string, at: string) {
  return { type, status: 'True', lastTransitionTime: at, reason, message }
}
