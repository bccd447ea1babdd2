import type { Place } from '../shared/errors.ts'
import type { KubeObject } from '../shared/objects.ts'

/** One object of a manifest, and where it is written. */
export interface ManifestObject {
  object: KubeObject
  /** file and line where the object begins */
  place: Place
  /** line and column of a field inside the object, found on demand; the nearest field above it when it is not there */
  placeOf(path: readonly (string | number)[]): Place
}

export function parseManifest(text: string, file: string): ManifestObject[] {
  throw new Error(`not yet ${text.length} ${file}`)
}
