import type { Json } from './objects.ts'

/** One operation of a JSON patch (RFC 6902), as far as the API server is asked for it. */
export type JsonPatchOperation =
  | { op: 'test' | 'add' | 'replace'; path: string; value: Json | object }
  | { op: 'remove'; path: string }

/** A key as one segment of a JSON pointer (RFC 6901). */
export function pointer(...segments: string[]): string {
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
