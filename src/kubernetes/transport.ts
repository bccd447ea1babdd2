/**
 * The wire, seen from the client: one HTTP request, one answer. The real one is undici with the kubeconfig's
 * credentials (`connection.ts`); tests pass the embedded cluster directly, without a socket.
 */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** path and query, beginning with `/` */
  path: string
  /** lower-case names */
  headers: Record<string, string>
  body?: string
  signal?: AbortSignal
}

export interface HttpResponse {
  status: number
  /** lower-case names */
  headers: Record<string, string>
  /** the whole body */
  text(): Promise<string>
  /** the body line by line, as it arrives (watches) */
  lines(): AsyncIterable<string>
}

/** Rejects only when no answer came: connection refused, TLS, a name that does not resolve, an aborted signal. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>
