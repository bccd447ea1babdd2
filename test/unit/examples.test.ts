import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { load } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAction } from '../../src/input/action.ts'
import { parseConfig } from '../../src/input/config.ts'
import { readConfigFile, readManifestFiles } from '../../src/input/files.ts'
import { INPUTS, isInputName } from '../../src/input/inputs.ts'
import { readSettings } from '../../src/input/settings.ts'
import { start } from '../../src/start.ts'
import { RealClock } from '../emulator/clock.ts'
import { Emulator } from '../emulator/emulator.ts'
import type { Listening } from '../emulator/server.ts'

const EXAMPLES = path.resolve(import.meta.dirname, '../../examples')
const ROOT = path.resolve(EXAMPLES, '..')

interface Step {
  uses?: string
  with?: Record<string, string | number | boolean>
}

interface Job {
  permissions?: Record<string, string>
  concurrency?: { group: string; 'cancel-in-progress': boolean; queue?: string }
  /** absent where a workflow is called in place of steps */
  steps?: Step[]
}

interface Workflow {
  on: { workflow_dispatch?: { inputs?: Record<string, { options?: string[] }> } }
  permissions?: object
  jobs: Record<string, Job>
}

function workflowsIn(folder: string): [string, string][] {
  return readdirSync(path.join(EXAMPLES, folder)).map((file) => [
    file,
    readFileSync(path.join(EXAMPLES, folder, file), 'utf8'),
  ])
}

/** What GitHub would put in place of an expression. */
const EXPRESSIONS: Record<string, string> = {
  'secrets.KUBECONFIG': 'KUBECONFIG',
  'github.sha': '0123456789abcdef0123456789abcdef01234567',
  'github.event.pull_request.head.sha': '0123456789abcdef0123456789abcdef01234567',
  'needs.deploy.outputs.rollout': '7',
  'inputs.rollout': '7',
  'inputs.version': '0.2.0',
  "inputs.full && 'true' || ''": 'true',
  'inputs.app': 'echo-version',
  'inputs.namespace': '',
  'inputs.manifests': 'k8s/',
  'inputs.images': 'gihyodocker/echo-version:0.2.0',
  'inputs.strategy': 'canary',
  'inputs.steps': '25%, approve',
  'inputs.environment': 'production',
  'secrets.kubeconfig': 'KUBECONFIG',
  'github.event.client_payload.rollout': '7',
  'steps.status.outputs.rollout': '7',
  'steps.asked.outputs.command': 'promote',
}

function filledIn(text: string, command: string): string {
  return text.replaceAll(/\$\{\{ *(.+?) *\}\}/g, (_, expression: string) => {
    const value = expression === 'inputs.command' ? command : EXPRESSIONS[expression]
    if (value === undefined) throw new Error(`the test does not know the expression ${expression}`)
    return value
  })
}

function environmentOf(step: Step, command: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(step.with ?? {}).map(([name, value]) => [
      `INPUT_${name.toUpperCase()}`,
      filledIn(String(value), command),
    ]),
  )
}

interface Use {
  title: string
  step: Step
  command: string
}

const workflows = workflowsIn('workflows').map(([file, text]) => ({
  file,
  text,
  workflow: load(text) as Workflow,
}))

/** Every step that uses the action, once per command that it can be asked for. */
const uses: Use[] = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).flatMap(([job, { steps = [] }]) =>
    steps
      .filter((step) => step.uses?.includes('/headgate@') === true)
      .flatMap((step) => {
        const options = workflow.on.workflow_dispatch?.inputs?.['command']?.options ?? []
        const commands = String(step.with?.['command'] ?? '').includes('inputs.command') ? options : ['']
        return commands.map((command) => ({ title: `${file}, job ${job} ${command}`.trim(), step, command }))
      }),
  ),
)

describe('the workflows', () => {
  it('are there', () => expect(uses.length).toBeGreaterThan(10))

  it.each(workflows)('$file has least rights, pinned actions and no cancelled rollout', ({ text, workflow }) => {
    expect(workflow.permissions).toEqual({})
    for (const job of Object.values(workflow.jobs)) {
      expect(Object.keys(job.permissions ?? {})).not.toHaveLength(0)
      const commands = (job.steps ?? [])
        .filter((step) => step.uses?.includes('/headgate@') === true)
        .map((step) => step.with?.['command'] ?? 'deploy')
      const { concurrency } = job
      if (concurrency !== undefined && !commands.includes('plan')) expect(concurrency['cancel-in-progress']).toBe(false)
      // Deploys queue. What goes back, or promotes, is in none of their groups: it has to reach a deploy at work.
      if (concurrency !== undefined && commands.includes('deploy')) expect(concurrency.queue).toBe('max')
      else if (concurrency !== undefined) expect(concurrency.group).not.toMatch(/^deploy-/)
    }
    for (const line of text.split('\n').filter((each) => /^ +(- )?uses:/.test(each)))
      expect(line).toMatch(
        /uses: (?:[\w-]+\/[\w-]+@FULL_COMMIT_SHA # v\d|\.\/\.github\/workflows\/reusable-[a-z]+\.yml$)/,
      )
    for (const line of text.split('\n').filter((each) => /: (read|write)\b/.test(each)))
      expect(line, 'each right has its reason').toMatch(/: (read|write) # \S/)
  })

  it.each(uses)('$title: its inputs are read without a word', async ({ step, command }) => {
    expect(Object.keys(step.with ?? {}).filter((name) => !isInputName(name))).toEqual([])
    const context = await readAction({ ...environmentOf(step, command), GITHUB_WORKSPACE: EXAMPLES })
    const file = await readConfigFile(EXAMPLES, context.raw.config)
    const { settings, notices } = readSettings(context.raw, file && parseConfig(file.text, file.file))
    // A form for all commands hands each of them what only some read.
    expect(notices).toEqual(command === '' ? [] : notices.filter((text) => text.startsWith(`${command} does not read`)))
    if (settings.manifests.length > 0) expect(await readManifestFiles(EXAMPLES, settings.manifests)).not.toHaveLength(0)
  })
})

describe('planned on a cluster', () => {
  let cluster: Listening
  let temp = ''
  beforeAll(async () => {
    temp = await mkdtemp(path.join(tmpdir(), 'headgate-examples-'))
    cluster = await new Emulator({ clock: new RealClock(), requestDelay: [0, 0] }).listen()
  })
  afterAll(async () => {
    await cluster.close()
    await rm(temp, { recursive: true })
  })

  it.each(uses.filter(({ step }) => step.with?.['manifests'] !== undefined || step.with?.['config'] !== undefined))(
    '$title: the release is sound',
    async ({ step, command }) => {
      const env = { ...environmentOf(step, command), INPUT_COMMAND: 'plan', INPUT_KUBECONFIG: cluster.kubeconfig }
      const context = await readAction({ ...env, GITHUB_WORKSPACE: EXAMPLES, RUNNER_TEMP: temp })
      const { result } = await start(context, {
        write: () => {},
        github: false,
        color: false,
        cancel: new AbortController().signal,
        mask: () => {},
        remember: () => {},
      })
      expect(result.failure).toBeUndefined()
      expect(result.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
      expect(result).toMatchObject({ outcome: 'planned', app: 'echo-version', exitCode: 0 })
    },
  )
})

describe('the config files', () => {
  it.each(workflowsIn('config'))('%s is read without a word', (file, text) => {
    const config = parseConfig(text, file)
    const { notices } = readSettings({ command: 'deploy' }, config)
    expect(notices).toEqual([])
  })

  it('every-key.yaml has every key of the schema', () => {
    const { properties } = JSON.parse(readFileSync(path.join(ROOT, 'schema/headgate.schema.json'), 'utf8')) as {
      properties: object & { traffic: { properties: object } }
    }
    const text = readFileSync(path.join(EXAMPLES, 'config/every-key.yaml'), 'utf8')
    const keys = load(text) as { traffic: object }
    expect(Object.keys(keys).toSorted()).toEqual(Object.keys(properties).toSorted())
    // Weights are read with the generic router only: they stand in a remark.
    const ofTraffic = [...Object.keys(keys.traffic), 'weights']
    expect(ofTraffic.toSorted()).toEqual(Object.keys(properties.traffic.properties).toSorted())
    const remark =
      text
        .slice(text.indexOf('  # weights:'))
        .replaceAll(/^ {2}# /gm, '  ')
        .split(/^accept/m)[0] ?? ''
    const { values } = parseConfig(`traffic:\n  router: generic\n${remark}`, 'every-key.yaml')
    expect(values.traffic?.weights).toMatchObject([{ kind: 'ApisixRoute', total: 100 }])
  })
})

describe('the README', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')

  it('has workflows and config files that are read without a word', async () => {
    const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
    const kinds = { workflow: 0, config: 0 }
    for (const text of blocks) {
      const value = load(text) as Partial<Workflow> & Record<string, unknown>
      if (value.jobs !== undefined) {
        kinds.workflow++
        for (const { steps = [] } of Object.values(value.jobs))
          for (const step of steps.filter((each) => each.uses?.includes('/headgate@')))
            readSettings((await readAction(environmentOf(step, ''))).raw)
      } else if (value['strategy'] !== undefined) {
        kinds.config++
        readSettings({ command: 'deploy' }, parseConfig(text, 'README.md'))
      }
    }
    expect(kinds).toEqual({ workflow: 1, config: 1 })
  })

  it('names only files that exist and inputs that there are', () => {
    for (const [, target = ''] of readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      expect(() => readFileSync(path.join(ROOT, target)), target).not.toThrow()
    for (const { name } of INPUTS) expect(readme).toContain(`| \`${name}\` |`)
  })
})

describe('the documentation', () => {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(path.join(ROOT, 'src', file), 'utf8') }))
  const wordsIn = (folder: RegExp, pattern: RegExp): string[] =>
    sources
      .filter(({ file }) => folder.test(file))
      .flatMap(({ text }) => [...text.matchAll(pattern)].map(([, word = '']) => word))

  it('has every finding', () => {
    const doc = readFileSync(path.join(ROOT, 'docs/preflight.md'), 'utf8')
    const ids = wordsIn(/^preflight/, /\bid: '([a-z-]+)'/g)
    expect(ids.length).toBeGreaterThan(30)
    expect(ids.filter((id) => !doc.includes(`\`${id}\``))).toEqual([])
  })

  it('has every code of a failure', () => {
    const doc = readFileSync(path.join(ROOT, 'docs/failures.md'), 'utf8')
    const codes = [...wordsIn(/./, /\bcode: '([a-z-]+)'/g), ...wordsIn(/./, /\brefuse\(\s*'([a-z-]+)'/g)]
    expect(codes.length).toBeGreaterThan(50)
    expect([...new Set(codes)].filter((code) => !doc.includes(`\`${code}\``))).toEqual([])
  })
})
