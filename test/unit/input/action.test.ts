import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readAction, sourceOf } from '../../../src/input/action.ts'
import { INPUTS } from '../../../src/input/inputs.ts'
import { workflowUrl } from '../../../src/report/way.ts'
import { start } from '../../../src/start.ts'

const runner = {
  GITHUB_SERVER_URL: 'https://ghe.example',
  GITHUB_REPOSITORY: 'shop/web',
  GITHUB_RUN_ID: '99',
  GITHUB_RUN_ATTEMPT: '2',
  GITHUB_RUN_NUMBER: '41',
  GITHUB_SHA: 'merge',
  GITHUB_REF_NAME: '7/merge',
  GITHUB_HEAD_REF: 'topic',
  GITHUB_ACTOR: 'ann',
  GITHUB_TRIGGERING_ACTOR: 'bob',
  GITHUB_WORKFLOW: 'Deploy',
}

async function eventFile(text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'headgate-')), 'event.json')
  await writeFile(file, text)
  return file
}

describe('action', () => {
  it('reads inputs, dashes and all', async () => {
    const env = Object.fromEntries(INPUTS.map(({ name }) => [`INPUT_${name.toUpperCase()}`, `  ${name}! `]))
    const { raw } = await readAction({ ...env, OTHER: 'x', INPUT_SOMETHING_ELSE: 'y' })
    expect(raw).toEqual(Object.fromEntries(INPUTS.map(({ name }) => [name, `${name}!`])))
  })

  it('leaves empty inputs out, and knows a typo with its line in the workflow', async () => {
    expect(await readAction({ INPUT_APP: ' ', INPUT_STEPS: '' })).toMatchObject({ raw: {}, typos: [] })
    const message = 'unknown input "stratgy"; did you mean strategy?'
    expect((await readAction({ INPUT_STRATGY: 'canary' })).typos).toEqual([{ message }])
    const GITHUB_WORKSPACE = await mkdtemp(join(tmpdir(), 'headgate-'))
    const file = '.github/workflows/deploy.yml'
    const env = { INPUT_STRATGY: 'x', GITHUB_WORKSPACE, GITHUB_WORKFLOW_REF: `shop/web/${file}@refs/heads/main` }
    expect((await readAction(env)).typos).toEqual([{ message }])
    await mkdir(join(GITHUB_WORKSPACE, '.github/workflows'), { recursive: true })
    await writeFile(join(GITHUB_WORKSPACE, file), 'jobs:\n  a:\n    with:\n      Stratgy: canary\n')
    expect((await readAction(env)).typos).toEqual([{ message, place: { file, line: 4 } }])
  })

  it('ends a typo as refused, with its outcome and exit code', async () => {
    const RUNNER_TEMP = await mkdtemp(join(tmpdir(), 'headgate-'))
    const said: string[] = []
    const { result, outputs } = await start(await readAction({ INPUT_STRATGY: 'canary', RUNNER_TEMP }), {
      write: (text) => void said.push(text),
      github: true,
      color: false,
      cancel: new AbortController().signal,
      mask: () => {},
      remember: () => {},
    })
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'input' } })
    expect(outputs).toMatchObject({ outcome: 'refused', phase: 'none' })
    expect(said.join('')).toContain('did you mean strategy?')
  })

  it('knows the run, a pull request by its own commit', async () => {
    const event = JSON.stringify({ pull_request: { number: 7, head: { sha: 'head' } } })
    const { source } = await readAction({ ...runner, GITHUB_EVENT_PATH: await eventFile(event) })
    expect(source).toEqual({
      repository: 'shop/web',
      sha: 'head',
      ref: 'topic',
      runId: '99',
      attempt: 2,
      runNumber: 41,
      runUrl: 'https://ghe.example/shop/web/actions/runs/99/attempts/2',
      actor: 'bob',
      pullRequest: 7,
      workflow: 'Deploy',
      serverUrl: 'https://ghe.example',
    })
  })

  const FORM = 'on:\n  workflow_dispatch:\n    inputs:\n      command: { type: choice, options: [promote] }\n'
  it.each([
    ['has the form', `${FORM}      rollout: { type: string }\n`, true],
    ['is not there', undefined, true],
    ['cannot be read', 'on: [push\n', true],
    ['is called with nothing', 'on: push\njobs: {}\n', false],
    ['is started by hand without inputs', 'on: [push, workflow_dispatch]\n', false],
    ['has a form of its own', FORM, false],
  ])('knows the workflow by its file, which %s', async (_, text, usable) => {
    const GITHUB_WORKFLOW_REF = 'shop/web/.github/workflows/deploy.yml@refs/heads/main'
    const GITHUB_WORKSPACE = await mkdtemp(join(tmpdir(), 'headgate-'))
    await mkdir(join(GITHUB_WORKSPACE, '.github/workflows'), { recursive: true })
    if (text !== undefined) await writeFile(join(GITHUB_WORKSPACE, '.github/workflows/deploy.yml'), text)
    const { source } = await readAction({ ...runner, GITHUB_WORKFLOW_REF, GITHUB_WORKSPACE })
    expect(source.workflow).toBe(usable ? GITHUB_WORKFLOW_REF : '')
  })

  it('knows another workflow that people go on and back by, and links to that one', async () => {
    const GITHUB_WORKFLOW_REF = 'shop/web/.github/workflows/deploy.yml@refs/heads/main'
    const env = { ...runner, GITHUB_WORKFLOW_REF, HEADGATE_WORKFLOW: 'operate.yml' }
    const { source } = await readAction(env)
    expect(source.workflow).toBe('operate.yml')
    expect(workflowUrl(source)).toBe('https://ghe.example/shop/web/actions/workflows/operate.yml')
  })

  it.each([
    ['a push', '{"ref": "refs/heads/main"}', undefined],
    ['a comment on a pull request', '{"issue": {"number": 3, "pull_request": {"url": "x"}}}', 3],
    ['a comment on an issue', '{"issue": {"number": 3}}', undefined],
    ['a number that is none', '{"pull_request": {"number": "7"}}', undefined],
    ['a broken event', '{', undefined],
  ])('%s', async (_, event, number) => {
    const { source } = await readAction({ ...runner, GITHUB_EVENT_PATH: await eventFile(event) })
    expect(source.pullRequest).toBe(number)
    expect(source.sha).toBe('merge')
  })

  it('lives without an event, and without a runner', async () => {
    expect((await readAction({ GITHUB_EVENT_PATH: '/no/such/file' })).source.pullRequest).toBeUndefined()
    expect(await sourceOf({}, null, '.')).toEqual({
      repository: '',
      sha: '',
      ref: '',
      runId: '',
      attempt: 1,
      runNumber: 0,
      runUrl: '',
      actor: '',
      workflow: '',
      serverUrl: 'https://github.com',
    })
    const sparse = { ...runner, GITHUB_HEAD_REF: '', GITHUB_TRIGGERING_ACTOR: '', GITHUB_RUN_NUMBER: 'x' }
    expect(await sourceOf(sparse, null, '.')).toMatchObject({
      ref: '7/merge',
      actor: 'ann',
      runNumber: 0,
    })
  })

  it('gives the rest of the program its only view of the environment', async () => {
    const empty = await readAction({})
    expect(empty).toMatchObject({ workspace: '.', apiUrl: 'https://api.github.com', debug: false, color: true })
    expect(empty.summaryFile).toBeUndefined()
    const full = await readAction({
      GITHUB_WORKSPACE: '/w',
      RUNNER_TEMP: '/t',
      RUNNER_DEBUG: '1',
      GITHUB_API_URL: 'https://ghe.example/api',
      GITHUB_STEP_SUMMARY: '/s',
      NO_COLOR: '1',
      TOKEN: 'x',
    })
    expect(full).toMatchObject({
      workspace: '/w',
      tempDir: '/t',
      apiUrl: 'https://ghe.example/api',
      debug: true,
      summaryFile: '/s',
      color: false,
    })
    expect([full.env('TOKEN'), full.env('NONE')]).toEqual(['x', undefined])
    expect((await readAction({ GITHUB_STEP_SUMMARY: '', NO_COLOR: '' })).summaryFile).toBeUndefined()
  })
})
