import { type KubeObject, keyOf, refOf } from '../shared/objects.ts'
import { previewName } from '../strategies/services.ts'
import type { Finding } from './finding.ts'
import type { ReleaseObject } from './input.ts'

const LONGEST = 63

/** preview-name: blue/green makes a Service of its own beside each that takes part, and its name has to fit. */
export function previewFindings(
  services: readonly { namespace: string; name: string }[],
  objects: readonly ReleaseObject[],
): Finding[] {
  return services.flatMap(({ namespace, name }): Finding[] => {
    const preview = previewName(name)
    if (preview.length <= LONGEST) return []
    const object = { apiVersion: 'v1', kind: 'Service', name, namespace }
    const released = objects.find((each) => isSame(each.object, object))
    const place = released?.placeOf?.(['metadata', 'name']) ?? released?.place
    return [
      {
        id: 'preview-name',
        severity: 'error',
        object,
        ...(place === undefined ? {} : { place }),
        reason: `blue/green would make the Service ${preview}, and this name has ${preview.length} characters; Kubernetes takes ${LONGEST}`,
        mend: `give Service/${name} a name of at most ${LONGEST - previewName('').length} characters, or use another strategy`,
      },
    ]
  })
}

function isSame(object: KubeObject, ref: Parameters<typeof keyOf>[0]): boolean {
  return keyOf(refOf(object)) === keyOf(ref)
}
