import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunContext } from '../../../src/input/action.ts'
import { helpText, readCommandLine } from '../../../src/input/flags.ts'
import { checkoutOf } from '../../../src/input/git.ts'
import { INPUTS } from '../../../src/input/inputs.ts'
import type { Environment } from '../../../src/input/variables.ts'
import { COMMANDS } from '../../../src/rollout/settings.ts'
import { failureOf } from '../../../src/shared/errors.ts'

const nowhere = await mkdtemp(join(tmpdir(), 'headgate-'))

async function run(argv: string, env: Environment = {}, cwd = nowhere): Promise<RunContext & { rbac: boolean }> {
  const line = await readCommandLine(argv === '' ? [] : argv.split(' '), env, cwd)
  if (line.kind !== 'run') throw new Error(line.kind)
  return { ...line.context, rbac: line.rbac }
}

describe('command line', () => {
  it.each([
    ['deploy', { command: 'deploy' }],
    ['deploy --app web --steps=10%', { command: 'deploy', app: 'web', steps: '10%' }],
    ['--app web deploy', { command: 'deploy', app: 'web' }],
    ['deploy --manifests a --manifests=b --images x:1', { command: 'deploy', manifests: 'a\nb', images: 'x:1' }],
    ['promote --full --rollout 7', { command: 'promote', full: 'true', rollout: '7' }],
    ['deploy --prune=false', { command: 'deploy', prune: 'false' }],
    ['rbac --manifests a', { command: 'plan', manifests: 'a' }],
  ])('%s', async (argv, raw) => expect((await run(argv)).raw).toEqual(raw))

  it('knows rbac from plan', async () => {
    expect((await run('rbac')).rbac).toBe(true)
    expect((await run('plan')).rbac).toBe(false)
  })

  it('takes the token of the environment', async () => {
    expect((await run('deploy', { GITHUB_TOKEN: 'a' })).raw['github-token']).toBe('a')
    expect((await run('deploy', { GITHUB_TOKEN: '', GH_TOKEN: 'b' })).raw['github-token']).toBe('b')
    expect((await run('deploy --github-token c', { GITHUB_TOKEN: 'a' })).raw['github-token']).toBe('c')
  })

  it.each([
    ['deplyo', 'unknown command "deplyo"; did you mean deploy?'],
    ['--app web', 'unknown command ""'],
    ['deploy web', '"web" belongs to no flag'],
    ['deploy --ap web', 'unknown flag --ap; did you mean --app?'],
    ['deploy -x', 'unknown flag -x'],
    ['deploy --app', '--app needs a value'],
    ['deploy --app=', '--app needs a value'],
    ['deploy --app a --app b', '--app is given twice'],
    ['deploy --command plan', 'unknown flag --command'],
    ['deploy --full yes', '"yes" belongs to no flag'],
  ])('refuses %s', async (argv, part) => {
    const failure = failureOf(await run(argv).catch((error: unknown) => error))
    expect(failure).toMatchObject({ kind: 'refused', code: 'input' })
    expect(failure.message).toContain(part)
  })

  it.each(['', 'help', '--help', 'deploy --help', '-h', 'deploy --nonsense -h'])(
    '%j is a call for help',
    async (argv) => {
      expect((await readCommandLine(argv === '' ? [] : argv.split(' '), {}, nowhere)).kind).toBe('help')
    },
  )

  it('tells its version', async () => {
    expect(await readCommandLine(['--version'], {}, nowhere)).toEqual({ kind: 'version' })
  })

  it('explains every flag, and for one command only its own', () => {
    const all = helpText()
    for (const { name } of INPUTS) if (name !== 'command') expect(all).toContain(`--${name}`)
    for (const command of COMMANDS) expect(all).toContain(`\n  ${command}`)
    expect(helpText('promote')).toContain('Usage: headgate promote [flags]')
    expect(helpText('promote')).toContain('--full\n')
    expect(helpText('promote')).not.toContain('--strategy')
    expect(helpText('rbac')).toContain('least Role')
    expect(helpText('rbac')).toContain('--strategy rolling|recreate|blue-green|canary')
    expect(helpText('nonsense')).toBe(all)
  })
})

describe('where a command line runs', () => {
  const sha = 'a'.repeat(40)
  async function repository(files: Record<string, string>): Promise<string> {
    const root = await mkdtemp(join(tmpdir(), 'headgate-'))
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(root, file, '..'), { recursive: true })
      await writeFile(join(root, file), text)
    }
    return root
  }

  it('reads the checkout from its files', async () => {
    const loose = await repository({
      '.git/HEAD': 'ref: refs/heads/main\n',
      '.git/refs/heads/main': `${sha}\n`,
      'sub/x': '',
    })
    expect(await checkoutOf(loose)).toEqual({ sha, ref: 'main' })
    expect(await checkoutOf(join(loose, 'sub'))).toEqual({ sha, ref: 'main' })
    const packed = await repository({
      '.git/HEAD': 'ref: refs/heads/a/b',
      '.git/packed-refs': `# x\n${sha} refs/heads/a/b\n`,
    })
    expect(await checkoutOf(packed)).toEqual({ sha, ref: 'a/b' })
    expect(await checkoutOf(await repository({ '.git/HEAD': sha }))).toEqual({ sha, ref: '' })
    expect(await checkoutOf(await repository({ '.git/HEAD': 'ref: refs/heads/new' }))).toEqual({ sha: '', ref: 'new' })
    const linked = await repository({
      'tree/.git': 'gitdir: ../main/.git/worktrees/tree\n',
      'main/.git/worktrees/tree/HEAD': 'ref: refs/heads/topic',
      'main/.git/worktrees/tree/commondir': '../..',
      'main/.git/refs/heads/topic': sha,
    })
    expect(await checkoutOf(join(linked, 'tree'))).toEqual({ sha, ref: 'topic' })
    expect(await checkoutOf(await repository({ '.git': 'gitdir: nowhere' }))).toEqual({ sha: '', ref: '' })
    expect(await checkoutOf(nowhere)).toEqual({ sha: '', ref: '' })
  })

  it('knows a runner, a Jenkins job and a desk', async () => {
    const github = await run('deploy', { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'a/b', GITHUB_RUN_ID: '5' })
    expect(github.source).toMatchObject({ repository: 'a/b', runId: '5' })
    const jenkins = await run('deploy', {
      GIT_COMMIT: sha,
      GIT_BRANCH: 'origin/main',
      BUILD_TAG: 'job-5',
      BUILD_NUMBER: '5',
      BUILD_URL: 'https://ci.example/5',
      JOB_NAME: 'web',
      LOGNAME: 'ci',
    })
    expect(jenkins.source).toMatchObject({
      repository: '',
      sha,
      ref: 'main',
      runId: 'job-5',
      runNumber: 5,
      runUrl: 'https://ci.example/5',
      workflow: 'web',
      actor: 'ci',
    })
    const desk = await run('deploy', { USER: 'ann', BUILD_NUMBER: 'x' })
    expect(desk.source).toMatchObject({ sha: '', ref: '', runNumber: 0, actor: 'ann' })
    expect(desk.workspace).toBe(nowhere)
  })
})
