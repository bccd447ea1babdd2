import type { UpdateChecker } from '../rollout/settings.ts'
import { parseDuration } from '../shared/duration.ts'
import type { ConfigValues } from './config-schema.ts'

type UpdateValues = ConfigValues['update-checker']
type VersionValues = NonNullable<Exclude<UpdateValues, false | undefined>['version']>

const INTERVAL_MS = 1_000
const TIMEOUT_MS = 5_000

/** What the config says of the update checker, with all defaults; undefined where it is off. */
export function updateSettings(values: UpdateValues): UpdateChecker | undefined {
  if (values === false) return undefined
  const { url, service, path, port, headers = {}, interval, timeout, version } = values ?? {}
  return {
    ...(url === undefined ? {} : { url }),
    ...(service === undefined ? {} : { service }),
    ...(path === undefined ? {} : { path }),
    ...(port === undefined ? {} : { port }),
    headers,
    intervalMs: parseDuration(interval ?? '') ?? INTERVAL_MS,
    timeoutMs: parseDuration(timeout ?? '') ?? TIMEOUT_MS,
    ...(version === undefined ? {} : { version: versionOf(version) }),
  }
}

function versionOf({ json, header, pattern }: VersionValues): NonNullable<UpdateChecker['version']> {
  if (json !== undefined) return { kind: 'json', path: json }
  return header === undefined ? { kind: 'pattern', pattern: pattern ?? '' } : { kind: 'header', name: header }
}

/** What contradicts itself under `update-checker`: the path below it, and why. */
export function updateProblems(values: UpdateValues): { path: string[]; message: string }[] {
  if (values === undefined || values === false) return []
  const { url, version } = values
  const beside = url === undefined ? [] : (['service', 'path', 'port'] as const).filter((key) => key in values)
  const zero = (['interval', 'timeout'] as const).filter((key) => parseDuration(values[key] ?? '') === 0)
  return [
    ...beside.map((key) => ({ path: [key], message: 'has no meaning beside url; leave out one of the two' })),
    ...zero.map((key) => ({ path: [key], message: 'must be above 0' })),
    ...(version === undefined ? [] : versionProblems(version)),
  ]
}

function versionProblems(version: VersionValues): { path: string[]; message: string }[] {
  if (Object.keys(version).length !== 1)
    return [{ path: ['version'], message: 'has exactly one of json, header and pattern' }]
  if (version.pattern === undefined) return []
  const groups = groupsOf(version.pattern)
  if (groups === 1) return []
  const path = ['version', 'pattern']
  if (groups === undefined) return [{ path, message: `"${version.pattern}" is not a regular expression` }]
  return [{ path, message: `must have exactly one group, as in version (\\S+); it has ${groups}` }]
}

/** How many groups a regular expression has; undefined when it is none. */
function groupsOf(pattern: string): number | undefined {
  try {
    // The empty alternative matches any text, and a match tells all groups.
    return (new RegExp(`${pattern}|`).exec('')?.length ?? 1) - 1
  } catch {
    return undefined
  }
}
