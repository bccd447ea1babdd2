/** How many objects are written at a time: what the API server's limits and a few connections carry well. */
export const AT_A_TIME = 8

/**
 * Calls `fn` for every item, at most `limit` at a time, and answers in the order of the items. After the first failure
 * nothing new begins; what runs is waited for, then the failure is thrown.
 */
export async function eachLimited<T, R>(
  items: readonly T[],
  limit: number,
  fn: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const failures: unknown[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++
      try {
        results[index] = await fn(items[index] as T, index)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
  return results
}
