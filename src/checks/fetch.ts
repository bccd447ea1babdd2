import type { Answer, UrlRequest } from './asker.ts'

const MAX_BYTES = 1_000_000
const MAX_REDIRECTS = 5

/**
 * Asks a URL outside of the cluster. Follows at most five redirects, none to another host or scheme: who answers there is
 * not who was asked, and would get the headers. Keeps at most `maxBytes` of the body. Rejects when no answer comes within
 * `timeoutMs`.
 */
export async function fetchUrl({
  url,
  method,
  headers,
  body,
  timeoutMs,
  maxBytes,
  fresh = false,
  signal,
}: UrlRequest): Promise<Answer> {
  const late = AbortSignal.timeout(timeoutMs)
  const stop = signal === undefined ? late : AbortSignal.any([late, signal])
  let target = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(target, {
      method: method ?? 'GET',
      headers: fresh ? { ...headers, connection: 'close' } : headers,
      redirect: 'manual',
      signal: stop,
      ...(body === undefined ? {} : { body }),
    })
    const location = response.headers.get('location')
    const redirected = response.status >= 300 && response.status < 400 && location !== null
    const next = redirected ? new URL(location, target) : target
    if (!redirected || next.origin !== target.origin) {
      const { text, cut } = await head(response, maxBytes ?? MAX_BYTES)
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: text,
        ...(cut ? { cut } : {}),
        ...(redirected ? { elsewhere: next.href } : {}),
      }
    }
    await response.body?.cancel()
    target = next
  }
  throw new Error(`redirects more than ${MAX_REDIRECTS} times`)
}

async function head(response: Response, most: number): Promise<{ text: string; cut: boolean }> {
  const parts: Uint8Array[] = []
  let size = 0
  // Leaving the loop ends the download.
  for await (const part of response.body ?? []) {
    parts.push(part)
    size += part.byteLength
    if (size > most) break
  }
  return { text: Buffer.concat(parts).subarray(0, most).toString('utf8'), cut: size > most }
}
