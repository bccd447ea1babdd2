const MAX_BYTES = 1_000_000
const MAX_REDIRECTS = 5

/**
 * GET of a URL outside of the cluster. Follows at most five redirects and none to another scheme; keeps at most 1 MB of
 * the body. Rejects when no answer comes within `timeoutMs`.
 */
export async function fetchUrl(
  url: string,
  { headers, timeoutMs }: { headers: Record<string, string>; timeoutMs: number },
): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(timeoutMs)
  let target = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(target, {
      headers: target.origin === new URL(url).origin ? headers : {},
      redirect: 'manual',
      signal,
    })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null)
      return { status: response.status, body: await head(response) }
    const next = new URL(location, target)
    if (next.protocol !== target.protocol)
      throw new Error(`redirects to another scheme: ${next.protocol}//${next.host}`)
    await response.body?.cancel()
    target = next
  }
  throw new Error(`redirects more than ${MAX_REDIRECTS} times`)
}

async function head(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    parts.push(part)
    size += part.byteLength
    if (size >= MAX_BYTES) break
  }
  return Buffer.concat(parts).subarray(0, MAX_BYTES).toString('utf8')
}
