import { stringifyJson } from '../shared/json.ts'
import type { JsonPatchOperation } from '../shared/json-patch.ts'
import type { JsonMap } from '../shared/objects.ts'
import { ApiError } from './errors.ts'
import { type Query, queryText } from './paths.ts'
import type { HttpRequest, HttpResponse } from './transport.ts'

export interface RawRequest {
  method: HttpRequest['method']
  path: string
  query?: Query
  body?: JsonMap | object[]
  contentType?: string
  accept?: string
  headers?: Record<string, string>
  signal?: AbortSignal
  /** sending it twice equals sending it once; default: true for GET only */
  idempotent?: boolean
  /** no second try: for callers with a rhythm of their own */
  once?: boolean
}

export type Patch = { type: 'json'; operations: JsonPatchOperation[] } | { type: 'merge' | 'strategic'; body: JsonMap }

const PAGE = 500

export function wireForm(request: RawRequest): HttpRequest {
  const body = request.body === undefined ? undefined : stringifyJson(request.body)
  return {
    method: request.method,
    path: `${request.path}${queryText(request.query ?? {})}`,
    headers: {
      accept: request.accept ?? 'application/json',
      ...(body === undefined ? {} : bodyHeaders(body, request.contentType ?? 'application/json')),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  }
}

export interface Page<T> {
  metadata?: { resourceVersion?: string; continue?: string }
  items?: T[] | null
}

/** A continue token lives five minutes at most; when it has died, the list begins anew in one piece. */
export async function pages<T>(
  page: (query: Query) => Promise<Page<T>>,
): Promise<{ items: T[]; resourceVersion: string }> {
  const items: T[] = []
  let token: string | undefined
  try {
    for (;;) {
      const { metadata, items: more } = await page({ limit: PAGE, continue: token })
      for (const item of more ?? []) items.push(item)
      token = metadata?.continue
      if (!token) return { items, resourceVersion: metadata?.resourceVersion ?? '' }
    }
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'gone') throw error
    const { metadata, items: all } = await page({})
    return { items: all ?? [], resourceVersion: metadata?.resourceVersion ?? '' }
  }
}

export function dryRunQuery(dryRun: boolean | undefined): Query {
  return dryRun === true ? { dryRun: 'All' } : {}
}

function bodyHeaders(body: string, type: string): Record<string, string> {
  return { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }
}

/** True when a second sending of the patch cannot do more than the first did. */
export function guarded(patch: Patch): boolean {
  if (patch.type !== 'json') return (patch.body['metadata'] as JsonMap | undefined)?.['resourceVersion'] !== undefined
  return patch.operations.some(({ op, path }) => op === 'test' || path === '/metadata/resourceVersion')
}

/** Texts of a `Warning` header: `299 - "text", 299 - "more"` (RFC 7234, 5.5). */
export function warnings(header: string | undefined): string[] {
  if (header === undefined) return []
  return [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'))
}

/** The beginning of a body; what is longer is not read to the end. */
export async function head(response: HttpResponse, maxBytes: number): Promise<string> {
  const declared = Number(response.headers['content-length'])
  if (declared <= maxBytes) return response.text()
  const lines: string[] = []
  let size = 0
  for await (const line of response.lines()) {
    lines.push(line)
    size += Buffer.byteLength(line) + 1
    if (size > maxBytes) break
  }
  return Buffer.from(lines.join('\n')).subarray(0, maxBytes).toString()
}
