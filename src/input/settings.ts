import { failureOf, type Place } from '../shared/errors.ts'
import { isDnsLabel, MAX_APP_NAME } from '../manifests/identify.ts'
import { parseImages } from '../manifests/images.ts'
import { type Command, COMMANDS, type Settings, type Traffic } from '../rollout/settings.ts'
import { DEFAULT_STEPS, STRATEGIES, type Step, stepText, type Strategy } from '../strategies/step.ts'
import type { Config } from './config.ts'
import { INPUTS, type RawInputs } from './inputs.ts'
import { isContent } from '../kubernetes/kubeconfig.ts'
import { hint, refuseProblems } from './problems.ts'
import { reporting } from './reporting.ts'
import { checksAsked } from '../checks/spec.ts'
import { warmUpOf } from './checks.ts'
import { readSteps } from './steps.ts'
import { trafficSettings } from './traffic.ts'
import { updateSettings } from './updates.ts'
import { reads, Values, type Written } from './values.ts'

export interface SettingsRead {
  settings: Settings
  /** sentences for people: inputs that this command does not read, config keys of another strategy */
  notices: string[]
  /** path or content of a kubeconfig, and the name of a context: as given */
  kubeconfig?: string
  context?: string
  githubToken?: string
}

const TIMEOUT_MS = 10 * 60_000
/** Keys of the config that have a meaning for their strategy only. */
const OF_STRATEGY = ['steps', 'pods', 'capacity', 'traffic'] as const

/** Puts inputs and config together (an input wins) and refuses (`input`) everything wrong in one message. */
export function readSettings(raw: RawInputs, config?: Config): SettingsRead {
  const values = new Values(raw, config, commandOf(raw))
  const notices = [...unreadInputs(raw, values.command), ...foreignStrategy(values, config)]
  const settings = settingsOf(raw, values, config)
  notices.push(...neverAsked(settings))
  if (values.problems.length > 0) throw refuseProblems('input', values.problems)
  const { kubeconfig, context, 'github-token': githubToken } = raw
  return {
    settings,
    notices,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(githubToken === undefined ? {} : { githubToken }),
  }
}

/** An unknown command is refused by itself: without it nobody knows what the rest means. */
function commandOf({ command = 'deploy' }: RawInputs): Command {
  const found = COMMANDS.find((name) => name === command)
  if (found !== undefined) return found
  throw refuseProblems('input', [{ message: `command: unknown value "${command}"; ${hint(command, COMMANDS)}` }])
}

function unreadInputs(raw: RawInputs, command: Command): string[] {
  // What action.yml sets by itself was not given by the user.
  const given = INPUTS.filter(({ name, expression }) => raw[name] !== undefined && expression === undefined)
  const unread = given.filter(({ name }) => !reads(command, name)).map(({ name }) => name)
  return unread.length === 0 ? [] : [`${command} does not read ${unread.join(', ')}`]
}

/** Steps and pods of the config belong to the strategy that stands beside them; another one in the input drops them. */
function foreignStrategy(values: Values, config: Config | undefined): string[] {
  const own = config?.values.strategy
  const asked = values.find('strategy')
  if (config === undefined || own === undefined || asked?.from !== 'input' || asked.value === own) return []
  const dropped = OF_STRATEGY.filter(
    (key) => values.find(key)?.from === 'config' || (key === 'traffic' && values.configured(key)),
  )
  for (const key of dropped) values.ignore(key)
  if (dropped.length === 0) return []
  return [
    `${config.file}: ${dropped.join(', ')} left out, for the input asks for ${String(asked.value)} and not ${own}`,
  ]
}

function settingsOf(raw: RawInputs, values: Values, config: Config | undefined): Settings {
  const strategy = values.choice('strategy', STRATEGIES, 'rolling')
  const app = values.checked(
    'app',
    (text) => isDnsLabel(text, MAX_APP_NAME),
    `a DNS label of at most ${MAX_APP_NAME} characters`,
  )
  const namespace = values.checked('namespace', (text) => isDnsLabel(text), 'a DNS label of at most 63 characters')
  const rollout = values.number('rollout')
  const steps = stepsOf(values, strategy, config)
  return {
    command: values.command,
    ...(app === undefined ? {} : { app }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(rollout === undefined ? {} : { rollout }),
    full: values.flag('full'),
    gates: values.choice('gates', ['readiness', 'all'], 'readiness'),
    strategy,
    steps,
    pods: podsOf(values, strategy),
    capacity: capacityOf(values, strategy),
    ...(config === undefined || raw.config === undefined ? {} : { config: raw.config }),
    ...clusterOf(raw),
    manifests: manifestsOf(values),
    images: imagesOf(values),
    workloads: workloadsOf(config),
    checks: checksOf(values, config, strategy, steps),
    warmUp: warmUpOf(config?.values['warm-up']),
    traffic: trafficOf(values, strategy, config),
    ...updateCheckerOf(values, config),
    accept: values.lines('accept'),
    takeOver: values.lines('take-over'),
    ...failureSettings(values),
    prune: values.flag('prune'),
    ...reporting(values),
  }
}

/** Checks that are meant throughout steps, where the strategy has none. */
function neverAsked({ command, strategy, steps, checks }: Settings): string[] {
  const names = Object.values(checks).flatMap(({ name, throughout }) => (throughout === undefined ? [] : [name]))
  if (steps.length > 0 || names.length === 0 || !reads(command, 'steps')) return []
  return [`${names.join(', ')}: checks are asked throughout steps, and ${strategy} has none: they are not asked`]
}

/** Checks, and that the steps between which one is asked throughout are steps. */
function checksOf(
  values: Values,
  config: Config | undefined,
  strategy: Strategy,
  steps: readonly Step[],
): Settings['checks'] {
  const checks = config?.checks ?? {}
  if (config === undefined || !reads(values.command, 'steps')) return checks
  for (const check of checksAsked(steps, checks)) {
    if (check.kind !== 'compare' || strategy === 'canary' || check.most !== undefined || steps.length === 0) continue
    const message = `checks.${check.name}.compare: after a switch nobody is on the old version to compare with; say most, a share of errors that is bad by itself`
    values.problems.push({ message, place: config.placeOf(['checks', check.name, 'compare']) })
  }
  const texts = steps.map(stepText)
  for (const { name, throughout } of Object.values(checks))
    for (const key of ['from', 'until'] as const) {
      const step = throughout?.[key]
      if (step === undefined || texts.includes(step) || values.problems.length > 0) continue
      const message = `checks.${name}.throughout.${key}: no step "${step}"; ${hint(step, texts)}`
      values.problems.push({ message, place: config.placeOf(['checks', name, 'throughout', key]) })
    }
  for (const { name, throughout } of Object.values(checks)) {
    const [from, until] = [texts.indexOf(throughout?.from ?? ''), texts.lastIndexOf(throughout?.until ?? '')]
    if (from < 0 || until < 0 || from <= until) continue
    const message = `checks.${name}.throughout.until: it stands before "${throughout?.from}", so the check would never be asked`
    values.problems.push({ message, place: config.placeOf(['checks', name, 'throughout', 'until']) })
  }
  return checks
}

/** Only the config says it, and only for a canary. */
function trafficOf(values: Values, strategy: Strategy, config: Config | undefined): Traffic {
  const given = config?.values.traffic
  if (config === undefined || given === undefined || !values.configured('traffic')) return trafficSettings(undefined)
  const place = config.placeOf(['traffic'])
  if (strategy !== 'canary' && given.router !== 'none')
    values.problems.push({ message: `traffic: belongs to the strategy canary, not to ${strategy}`, place })
  return trafficSettings(given, place)
}

/** On unless the config says false. */
function updateCheckerOf(values: Values, config: Config | undefined): Pick<Settings, 'updateChecker'> {
  const updateChecker = updateSettings(
    values.configured('update-checker') ? config?.values['update-checker'] : undefined,
  )
  return updateChecker === undefined ? {} : { updateChecker }
}

type FailureKeys = 'timeoutMs' | 'onFailure' | 'onCancel' | 'onFailedJob' | 'supersede'

function failureSettings(values: Values): Pick<Settings, FailureKeys> {
  return {
    timeoutMs: values.duration('timeout', TIMEOUT_MS),
    onFailure: values.choice('on-failure', ['abort', 'stop'], 'abort'),
    onCancel: values.choice('on-cancel', ['abort', 'stop'], 'stop'),
    onFailedJob: values.choice('on-failed-job', ['stop', 'old'], 'stop'),
    supersede: values.choice('supersede', ['newer', 'refuse', 'any'], 'newer'),
  }
}

function manifestsOf(values: Values): string[] {
  const manifests = values.lines('manifests')
  if (reads(values.command, 'manifests') && manifests.length === 0)
    values.wrong(
      'manifests',
      `${values.command} needs them: name a file, directory or glob, in the input or the config file`,
    )
  return manifests
}

/** What may be printed: a kubeconfig's path, not its content. */
function clusterOf({ kubeconfig, context }: RawInputs): Pick<Settings, 'cluster'> {
  const cluster = {
    ...(kubeconfig === undefined || isContent(kubeconfig) ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  }
  return Object.keys(cluster).length === 0 ? {} : { cluster }
}

/** With their places: only the manifests tell whether there is such a workload. */
function workloadsOf(config: Config | undefined): Settings['workloads'] {
  const workloads = Object.entries(config?.values.workloads ?? {})
  return Object.fromEntries(
    workloads.map(([name, { strategy }]) => [
      name,
      { strategy, ...(config === undefined ? {} : { place: config.placeOf(['workloads', name]) }) },
    ]),
  )
}

function imagesOf(values: Values): string[] {
  const images = values.lines('images')
  try {
    parseImages(images)
  } catch (error) {
    values.wrong('images', failureOf(error).message, values.find('images'))
  }
  return images
}

function podsOf(values: Values, strategy: Strategy): Settings['pods'] {
  const pods = values.choice('pods', ['in-place', 'separate'], 'in-place')
  if (pods === 'separate' && strategy !== 'blue-green')
    values.wrong('pods', `separate is for blue-green only, and the strategy is ${strategy}`, values.find('pods'))
  return pods
}

function capacityOf(values: Values, strategy: Strategy): Settings['capacity'] {
  const capacity = values.choice('capacity', ['keep', 'replace'], 'keep')
  if (capacity === 'replace' && strategy !== 'canary')
    values.wrong('capacity', `replace is for canary only, and the strategy is ${strategy}`, values.find('capacity'))
  return capacity
}

function stepsOf(values: Values, strategy: Strategy, config: Config | undefined): Step[] {
  const written = values.find('steps')
  if (written === undefined) return [...DEFAULT_STEPS[strategy]]
  const text = typeof written.value === 'boolean' ? '' : written.value
  const { steps, problems } = readSteps(text, strategy, placesOf(written, config), {
    checks: Object.keys(config?.checks ?? {}),
    unrouted: values.configured('traffic') && config?.values.traffic?.router === 'none',
  })
  values.problems.push(...problems)
  return steps
}

/** In the config every step of a list has its own place. */
function placesOf({ value, from }: Written, config: Config | undefined): Place | Place[] | undefined {
  if (from === 'input' || config === undefined) return undefined
  return Array.isArray(value)
    ? value.map((_, index) => config.textPlaceOf(['steps', index]))
    : config.textPlaceOf(['steps'])
}
