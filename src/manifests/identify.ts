import type { ManifestObject } from './parse.ts'

/** Whether objects of a kind live in a namespace. */
export type Namespaced = (apiVersion: string, kind: string) => boolean

/** Name of the app; refuses (`app-…`) when it cannot be told. */
export function appName(input: string | undefined, manifests: readonly ManifestObject[]): string {
  throw new Error(`not yet ${input} ${manifests.length}`)
}

/** Objects that name no namespace get `namespace`; cluster-scoped ones lose theirs. Refuses an object written twice. */
export function placeInNamespace(
  manifests: readonly ManifestObject[],
  namespace: string,
  namespaced: Namespaced,
): ManifestObject[] {
  throw new Error(`not yet ${namespace} ${manifests.length} ${namespaced.name}`)
}
