import type { Book } from '../rollout/book.ts'
import type { Session } from '../rollout/session.ts'
import type { UpdateChecker } from '../rollout/settings.ts'
import type { Answer } from './asker.ts'
import { hasNoEndpoints, lastPodsOf, serviceOf, targetOf } from './update-target.ts'

/** Kept of a body. */
const MAX_BYTES = 65_536

/** Where the update checker asks. */
export interface Asking {
  /** for people, with `${NAME}` as it is written */
  target: string
  /** rejects where there was no answer */
  ask: (timeoutMs: number, signal?: AbortSignal) => Promise<Answer>
}

/** Undefined where there is neither an address nor a Service to ask. Throws for a variable that is not set. */
export function askingOf(session: Session, book: Book, checker: UpdateChecker): Asking | undefined {
  const { fetchUrl, expand } = session.deps
  const headers = Object.fromEntries(Object.entries(checker.headers).map(([name, value]) => [name, expand(value)]))
  if (checker.url === undefined) return serviceAsking(session, book, checker, headers)
  const url = expand(checker.url)
  return {
    target: checker.url,
    ask: (timeoutMs, signal) =>
      fetchUrl({
        url,
        headers,
        timeoutMs,
        fresh: true,
        maxBytes: MAX_BYTES,
        ...(signal === undefined ? {} : { signal }),
      }),
  }
}

function serviceAsking(
  { deps: { client }, world }: Session,
  { record, payload }: Book,
  checker: UpdateChecker,
  headers: Record<string, string>,
): Asking | undefined {
  const service = serviceOf(checker, record.services, record.namespace)
  if (service === undefined) return undefined
  const { namespace, name } = service
  const behind = record.services.find((each) => each.name === name && each.namespace === namespace)?.workload ?? ''
  const template = payload.versions[`${namespace}/${behind}`]?.stable
  const { stableName = behind } = record.workloads.find((each) => each.name === behind) ?? {}
  // The Service may be changed by the very release.
  const now = (): ReturnType<typeof targetOf> => targetOf(checker, service, world.service(namespace, name), template)
  const { proxy, path } = now()
  return {
    target: `Service/${name} port ${proxy.port ?? ''}${path === '/' ? '' : ` ${path}`}`,
    ask: async (timeoutMs, signal) => {
      const target = now()
      const options = { headers, timeoutMs, maxBytes: MAX_BYTES, ...(signal === undefined ? {} : { signal }) }
      const answer = await client.proxy(target.proxy, target.path, options)
      if (!hasNoEndpoints(answer)) return answer
      const pods = [...new Set([behind, stableName])].flatMap((each) => world.workload({ namespace, name: each }).pods)
      const [last] = lastPodsOf(target, world.service(namespace, name), pods)
      if (last === undefined) return answer
      const other = await client.proxy(last, target.path, options).catch(() => answer)
      // Without the right to ask pods, or when it has just ended: as the API server sees it.
      return other.status >= 400 ? answer : other
    },
  }
}
