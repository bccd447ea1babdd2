import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Place, PULL_REQUEST, type WorkflowRun } from './place.ts'

const COMMENT = 77

function said(place: Place, body: string, { login = 'ann', type = 'User', number = PULL_REQUEST } = {}): WorkflowRun {
  const payload = {
    issue: { number, pull_request: { url: 'x' } },
    comment: { id: COMMENT, body, user: { login, type } },
  }
  return place.start('comment-command.yml', { event: 'issue_comment', payload })
}

describe('a command in a comment', () => {
  let place: Place
  beforeEach(async () => {
    place = await new Place().open()
    place.decisions['production'] = 'wait'
    await place.push('deliver-by-reusable.yml').jobs
    expect(place.phase).toBe('paused')
  })
  afterEach(() => place.close())

  it('/status answers with where it stands, then /promote goes on', async () => {
    const looked = said(place, '/status')
    expect(await looked.job('act'), looked.log).toMatchObject({ result: 'success' })
    expect(place.comment).toBe(
      'Rollout 1 of `echo-version` is **paused** at step `3/3 approve`, 25% on the new version.',
    )
    expect([place.phase, place.old]).toEqual(['paused', 3])
    const promoted = said(place, '/promote\r\nIt looks good.')
    expect(await promoted.job('act'), promoted.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['succeeded', 4, 0])
    expect(place.people.reactions).toEqual([
      { comment: COMMENT, content: '+1' },
      { comment: COMMENT, content: '+1' },
    ])
  })

  it('does nothing on another pull request than the one that brought the rollout; /abort of an admin goes back', async () => {
    const other = said(place, '/promote', { number: PULL_REQUEST + 1 })
    expect(await other.step('act', 'match')).toMatchObject({
      conclusion: 'failure',
      log: expect.stringContaining('::error::The rollout that is under way was not brought by this pull request.'),
    })
    expect([place.phase, place.old]).toEqual(['paused', 3])
    const run = said(place, '/abort', { login: 'root' })
    expect(await run.job('act'), run.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
    expect(place.people.reactions.map(({ content }) => content)).toEqual(['confused', '+1'])
  })
})

describe('a command after a newer release has taken the place', () => {
  let place: Place
  beforeEach(async () => {
    place = await new Place().open()
    place.decisions['production'] = 'wait'
    await place.push('deliver-by-reusable.yml').jobs
    await place.push('deliver-by-reusable.yml', 'newer').jobs
    expect([place.phase, place.pods('newer')]).toEqual(['paused', 1])
  }, 60_000)
  afterEach(() => place.close())
  const titles = (number: number): string[] =>
    place.github.comments(number).map(({ body }) => body.split('\n')[1] ?? '')

  it('is obeyed on the pull request of the newer one, and each has its own comment', async () => {
    expect(titles(PULL_REQUEST)).toEqual([expect.stringContaining('merged was superseded')])
    expect(titles(PULL_REQUEST + 1)).toEqual([expect.stringContaining('newer waits for approval')])
    const run = said(place, '/promote', { number: PULL_REQUEST + 1 })
    expect(await run.job('act'), run.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('newer')]).toEqual(['succeeded', 4])
    expect(titles(PULL_REQUEST + 1)).toEqual([expect.stringContaining('newer is live')])
  })

  it('does nothing on that of the older one, nor on any other, and writes nothing there', async () => {
    for (const number of [PULL_REQUEST, 99]) await said(place, '/promote', { number }).jobs
    expect([place.phase, place.pods('newer')]).toEqual(['paused', 1])
    expect(titles(PULL_REQUEST)).toEqual([expect.stringContaining('merged was superseded')])
    expect(titles(99)).toEqual([])
  })
})

describe('a comment that is no command', () => {
  let place: Place
  let folder = ''
  beforeAll(async () => {
    place = await new Place().open({ app: false })
    folder = await mkdtemp(join(tmpdir(), 'headgate-hostile-'))
  })
  afterAll(async () => {
    await place.close()
    await rm(folder, { recursive: true })
  })

  it.each(['reader', 'stranger', 'unknown'])('a command of %s is refused', async (login) => {
    const before = place.people.reactions.length
    const run = said(place, '/promote', { login })
    const { result, steps } = await run.job('act')
    expect([result, steps.map(({ name }) => name)]).toEqual(['success', ['asked']])
    expect(steps[0]?.log).toContain('::notice::Only people who may write')
    expect(run.actions).toHaveLength(0)
    expect(place.people.reactions.slice(before)).toEqual([{ comment: COMMENT, content: '-1' }])
  })

  it.each([
    ['a bot', '/promote', { type: 'Bot' }],
    ['ordinary words', 'Please /promote', {}],
  ])('%s starts no job', async (_, body, who) => {
    expect(await said(place, body, who).job('act')).toMatchObject({ result: 'skipped' })
  })

  it.each([
    ['backticks', (file: string) => `/promote \`touch ${file}\``],
    ['a substitution', (file: string) => `/promote $(touch ${file})`],
    ['a second command', (file: string) => `/promote; touch ${file}`],
    ['a quote', (file: string) => `/promote" && touch ${file} && echo "`],
    ['a longer word', () => '/promoted'],
    ['an output of its own', () => '/promote \ncommand=abort'],
    ['a command of the runner', () => '/abort ::set-output name=command::abort\n::error::hello'],
    ['a heredoc', (file: string) => `/status<<EOF\nEOF\ntouch ${file}`],
  ])('%s runs nothing', async (title, body) => {
    const file = join(folder, title.replaceAll(' ', '-'))
    const run = said(place, body(file))
    const { result, steps } = await run.job('act')
    expect([result, steps.map(({ name }) => name)]).toEqual(['success', ['asked']])
    expect(steps[0]).toMatchObject({ outputs: {}, log: '' })
    expect(existsSync(file)).toBe(false)
    expect(run.actions).toHaveLength(0)
  })

  it('hostile lines after a command are not read', async () => {
    const file = join(folder, 'after')
    const run = said(place, `/status\n$(touch ${file})\n\`touch ${file}\`\ncommand=abort\n::error::hello`)
    const { steps } = await run.job('act')
    expect(steps[0]).toMatchObject({ outputs: { command: 'status' }, log: '' })
    expect(existsSync(file)).toBe(false)
  })
})
