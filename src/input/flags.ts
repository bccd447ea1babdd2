import { parseArgs } from 'node:util'
import { refuse } from '../shared/errors.ts'
import { COMMANDS, type Command, type RunSource } from '../rollout/settings.ts'
import { contextOf, type RunContext, sourceOf } from './action.ts'
import { checkoutOf } from './git.ts'
import { type InputName, type InputSpec, INPUTS, type RawInputs } from './inputs.ts'
import { hint } from './problems.ts'
import type { Environment } from './variables.ts'

export type CommandLine =
  | { kind: 'help'; text: string }
  | { kind: 'version' }
  /** `rbac`: print the least Role that a deploy needs, instead of the whole plan */
  | { kind: 'run'; context: RunContext; rbac: boolean }

const WHAT: Record<Command | 'rbac', string> = {
  deploy: 'bring a release in by the strategy',
  promote: 'go on past an approval',
  abort: 'return to the stable version',
  rollback: 'return to the release before',
  status: 'tell where things stand; changes nothing',
  plan: 'tell what a deploy would do; changes nothing',
  rbac: 'print the least Role that a deploy needs',
}
const WORDS = [...COMMANDS, 'rbac'] as const

/** Flags are all inputs but the command, which stands first. */
const FLAGS = INPUTS.filter(({ name }) => name !== 'command')
const isSwitch = ({ choices }: InputSpec): boolean => choices?.join() === 'true,false'
/** Flags that may be given more than once; each one is a line. */
const REPEATED: ReadonlySet<string> = new Set<InputName>(['manifests', 'images', 'steps'])

/**
 * Reads `headgate <command> [--flag value …]`, flags being the action's inputs; `--full` and `--prune` take no value (or
 * `=false`). Refuses (`input`) an unknown command or flag with the nearest one.
 */
export async function readCommandLine(argv: readonly string[], env: Environment, cwd: string): Promise<CommandLine> {
  if (argv.length === 0 || argv.includes('--help') || argv.includes('-h') || argv[0] === 'help')
    return { kind: 'help', text: helpText(argv.find((word) => !word.startsWith('-') && word !== 'help')) }
  if (argv.includes('--version')) return { kind: 'version' }
  const { positionals, raw } = parse(argv)
  const [word = '', ...rest] = positionals
  const command = WORDS.find((name) => name === word)
  if (command === undefined) throw refuse('input', `unknown command "${word}"; ${hint(word, WORDS)}`)
  if (rest.length > 0) throw refuse('input', `"${rest[0]}" belongs to no flag`, { next: 'See headgate --help.' })
  const context = { ...contextOf(env, cwd), source: await sourceIn(env, cwd) }
  const token = env['GITHUB_TOKEN'] || env['GH_TOKEN']
  return {
    kind: 'run',
    rbac: command === 'rbac',
    context: {
      ...context,
      typos: [],
      raw: {
        ...(token === undefined || token === '' ? {} : { 'github-token': token }),
        ...raw,
        command: command === 'rbac' ? 'plan' : command,
      },
    },
  }
}

function parse(argv: readonly string[]): { positionals: string[]; raw: RawInputs } {
  const options = Object.fromEntries(
    FLAGS.map((flag) => [
      flag.name,
      { type: isSwitch(flag) ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  )
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const raw: RawInputs = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const flag = FLAGS.find(({ name }) => token.rawName === `--${name}`)
    if (flag === undefined) throw unknownFlag(token.rawName)
    const value = isSwitch(flag) ? (token.value ?? 'true') : token.value
    if (value === undefined || value.trim() === '') throw refuse('input', `--${flag.name} needs a value`)
    const before = raw[flag.name]
    if (before !== undefined && !REPEATED.has(flag.name)) throw refuse('input', `--${flag.name} is given twice`)
    raw[flag.name] = before === undefined ? value.trim() : `${before}\n${value.trim()}`
  }
  return { positionals, raw }
}

function unknownFlag(rawName: string): Error {
  const names = FLAGS.map(({ name }) => `--${name}`)
  return refuse('input', `unknown flag ${rawName}; ${hint(rawName, names)}`, { next: 'See headgate --help.' })
}

/** On a GitHub runner the run; elsewhere the checkout, and what a Jenkins job says about itself. */
async function sourceIn(env: Environment, cwd: string): Promise<RunSource> {
  if (env['GITHUB_ACTIONS'] === 'true') return sourceOf(env, null, cwd)
  const { sha, ref } = await checkoutOf(cwd)
  const number = Number(env['BUILD_NUMBER'] ?? 0)
  return {
    ...(await sourceOf({}, null, cwd)),
    sha: env['GIT_COMMIT'] || sha,
    ref: (env['GIT_BRANCH'] || ref).replace(/^origin\//, ''),
    runId: env['BUILD_TAG'] ?? '',
    runNumber: Number.isSafeInteger(number) ? number : 0,
    runUrl: env['BUILD_URL'] ?? '',
    actor: env['USER'] || env['LOGNAME'] || '',
    workflow: env['JOB_NAME'] ?? '',
  }
}

/** Text of `--help`, of all commands or of one, made from the table of inputs. */
export function helpText(word?: string): string {
  const command = COMMANDS.find((name) => name === (word === 'rbac' ? 'plan' : word))
  const flags = FLAGS.filter(({ commands }) => command === undefined || commands.includes(command))
  const usage = command === undefined ? 'headgate <command> [flags]' : `headgate ${word} [flags]`
  const commands = WORDS.map((name) => `  ${name.padEnd(10)}${WHAT[name]}`)
  return [
    `Usage: ${usage}`,
    '',
    ...(command === undefined ? ['Commands:', ...commands] : [WHAT[word === 'rbac' ? 'rbac' : command]]),
    '',
    'Flags:',
    ...flags.flatMap(flagLines),
    '  --help, --version',
    '',
  ].join('\n')
}

function flagLines(flag: InputSpec): string[] {
  const value = isSwitch(flag) ? '' : ` ${flag.choices?.join('|') ?? flag.value ?? 'VALUE'}`
  const fallback = flag.default === undefined || isSwitch(flag) ? '' : ` (default: ${flag.default})`
  return [`  --${flag.name}${value}`, `      ${flag.description.replaceAll('`', '')}${fallback}`]
}
