import { COMMANDS, type Command } from '../rollout/settings.ts'
import { STRATEGIES } from '../strategies/step.ts'

export interface InputSpec {
  name: string
  description: string
  /** as told to people; not a default of action.yml, else an input left out could not be told from one given */
  default?: string
  /** the only defaults that action.yml sets itself */
  expression?: string
  /** all values it may have */
  choices?: readonly string[]
  /** how its value is called in the help of the command line; a flag without one takes none */
  value?: string
  /** commands that read it */
  commands: readonly Command[]
}

const STARTS: readonly Command[] = ['deploy', 'plan']
const ACTS: readonly Command[] = ['deploy', 'promote', 'abort', 'rollback']
const REPORTS: readonly Command[] = [...ACTS, 'plan']

/** Every input of the action and flag of the command line. action.yml, the help and the README are made from it. */
const TABLE = [
  { name: 'command', description: 'What to do.', default: 'deploy', choices: COMMANDS, commands: COMMANDS },
  {
    name: 'app',
    description: 'Name of what is delivered as one: a DNS label of at most 40 characters.',
    default: 'the single workload, or the label part-of or name; without manifests the single record of the namespace',
    value: 'NAME',
    commands: COMMANDS,
  },
  {
    name: 'namespace',
    description: 'Namespace for objects that name none, and the home of record and lease.',
    default: "the context's, else default",
    value: 'NAME',
    commands: COMMANDS,
  },
  {
    name: 'rollout',
    description: 'Number of the rollout that is meant; another one under way is refused.',
    value: 'N',
    commands: ['promote', 'abort', 'rollback'],
  },
  {
    name: 'full',
    description: 'Pass all remaining waits, approvals and checks.',
    default: 'false',
    choices: ['true', 'false'],
    commands: ['promote'],
  },
  {
    name: 'gates',
    description: 'What a rollback waits for: readiness only, or every step.',
    default: 'readiness',
    choices: ['readiness', 'all'],
    commands: ['rollback'],
  },
  {
    name: 'strategy',
    description: 'How the release comes in.',
    default: 'rolling',
    choices: STRATEGIES,
    commands: STARTS,
  },
  {
    name: 'steps',
    description:
      'Planned moves, separated by newline or comma: `N%`, `mirror N%`, `wait D`, `check NAME`, `job NAME`, `warm-up`, `approve`, `switch`.',
    default: 'canary: 25%, wait 1m, 50%, wait 1m; blue-green: switch, wait 1m',
    value: 'STEPS',
    commands: STARTS,
  },
  {
    name: 'manifests',
    description: 'One file, directory or glob below the workspace per line.',
    value: 'PATH',
    commands: STARTS,
  },
  {
    name: 'images',
    description: 'One image per line: `repository:tag`, `repository@digest` or `repository=reference`.',
    value: 'IMAGE',
    commands: STARTS,
  },
  {
    name: 'config',
    description: 'Path of the config file. What is also an input, the input wins.',
    default: '.github/headgate.yaml if it exists',
    value: 'FILE',
    commands: COMMANDS,
  },
  {
    name: 'pods',
    description: 'Hold the Deployment in place, or a second one beside it (blue-green only).',
    default: 'in-place',
    choices: ['in-place', 'separate'],
    commands: STARTS,
  },
  {
    name: 'timeout',
    description: 'Longest time for one step, waits not counted, and for the lease: integer and s, m or h.',
    default: '10m',
    value: 'DURATION',
    commands: REPORTS,
  },
  {
    name: 'on-failure',
    description: 'After a failure go back to the stable version, or stop there.',
    default: 'abort',
    choices: ['abort', 'stop'],
    commands: ['deploy', 'rollback', 'plan'],
  },
  {
    name: 'on-cancel',
    description: 'After a cancel go back to the stable version, or stop there.',
    default: 'stop',
    choices: ['abort', 'stop'],
    commands: ['deploy', 'rollback', 'plan'],
  },
  {
    name: 'supersede',
    description: 'Which rollout under way another release may take the place of.',
    default: 'newer',
    choices: ['newer', 'refuse', 'any'],
    commands: STARTS,
  },
  {
    name: 'prune',
    description: 'After success delete objects that the last release had and this one lacks.',
    default: 'false',
    choices: ['true', 'false'],
    commands: STARTS,
  },
  {
    name: 'kubeconfig',
    description: 'Path or content of a kubeconfig.',
    default: 'KUBECONFIG, ~/.kube/config, in-cluster',
    value: 'FILE',
    commands: COMMANDS,
  },
  {
    name: 'context',
    description: 'Context of the kubeconfig.',
    default: 'the current one',
    value: 'NAME',
    commands: COMMANDS,
  },
  {
    name: 'environment',
    description: 'GitHub environment that the deployment is shown in.',
    value: 'NAME',
    commands: STARTS,
  },
  { name: 'environment-url', description: 'Address of what was deployed.', value: 'URL', commands: STARTS },
  {
    name: 'commit-status',
    description: 'Keep a commit status up to date, for branch rules.',
    default: 'false',
    choices: ['true', 'false'],
    commands: STARTS,
  },
  {
    name: 'comment',
    description: 'Keep one comment on the pull request up to date, where there is one.',
    default: 'auto',
    choices: ['auto', 'never'],
    commands: REPORTS,
  },
  {
    name: 'pull-request',
    description: 'Number of the pull request.',
    default: 'found',
    value: 'N',
    commands: STARTS,
  },
  {
    name: 'github-token',
    description: 'Token for comment, deployment and commit status.',
    default: 'github.token; on a command line GITHUB_TOKEN or GH_TOKEN',
    expression: '${{ github.token }}',
    value: 'TOKEN',
    commands: REPORTS,
  },
] as const satisfies readonly InputSpec[]

export type InputName = (typeof TABLE)[number]['name']
export const INPUTS: readonly (InputSpec & { name: InputName })[] = TABLE

/** Inputs as they came: trimmed, empty ones left out. */
export type RawInputs = Partial<Record<InputName, string>>

export function isInputName(name: string): name is InputName {
  return INPUTS.some((input) => input.name === name)
}

export interface OutputSpec {
  name: string
  description: string
}

export const OUTPUTS: readonly OutputSpec[] = [
  {
    name: 'outcome',
    description: 'succeeded, paused, unchanged, planned, aborted, rolled-back, stopped, failed or refused.',
  },
  {
    name: 'phase',
    description: 'Where the rollout rests: none, succeeded, aborted, progressing, paused, stopped, aborting or failed.',
  },
  { name: 'release', description: "First 10 hex digits of the release's digest." },
  { name: 'rollout', description: 'Number of the rollout.' },
  { name: 'step', description: 'The step under way, e.g. `3/5 wait 2m`.' },
  { name: 'weight', description: 'Percent on the new version, an integer.' },
  { name: 'images', description: 'Images of the release, a JSON array.' },
  { name: 'report', description: 'Path of the JSON report.' },
  { name: 'plan', description: 'Path of the plan in Markdown.' },
  { name: 'comment-url', description: 'Address of the comment on the pull request.' },
  { name: 'next', description: 'The command that goes on, with rollout and step.' },
  {
    name: 'deployment-id',
    description:
      'Id of the version: what its pods are told and what requests ask for, where `traffic: keep-versions` keeps versions.',
  },
]
