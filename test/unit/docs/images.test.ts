import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { commentOf, normalised, SHOTS } from '../../../scripts/screenshot/comments.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const IMAGES = path.join(ROOT, 'docs/images')

describe.each(SHOTS)('the screenshot of a comment, %s', (shot) => {
  it('shows what the comment says now', async () => {
    const shown = readFileSync(path.join(IMAGES, `comment-${shot}.md`), 'utf8')
    expect(normalised(await commentOf(shot)), 'take the pictures anew: npm run screenshot').toBe(normalised(shown))
  })

  it.each(['', '-dark'])('is small enough for a README, which shows it%s', (suffix) => {
    const file = `comment-${shot}${suffix}.png`
    expect(statSync(path.join(IMAGES, file)).size).toBeLessThan(250_000)
    expect(readFileSync(path.join(ROOT, 'README.md'), 'utf8')).toContain(`docs/images/${file}`)
  })
})

describe('a normalised comment', () => {
  it('does not tell runs apart by time, pod or id', () => {
    const [one, other] = [
      '| ✅ | `wait 2s` | 2.0s |\nPod/echo-version-fd27c47b8-7qjjd after 1.0s, restarted once\n<code>8fb70b9d45</code> 2026-11-23 07:08:28 UTC',
      '| ✅ | `wait 2s` | 3m |\nPod/echo-version-fd27c47b8-m62z8 after 12ms, restarted 2 times\n<code>a4b60750a7</code> 2027-01-02 17:00:00 UTC',
    ].map(normalised)
    expect(one).toBe(other)
  })
  it('keeps what is said', () => {
    for (const [one, other] of [
      ['| `wait 2s` |', '| `wait 3s` |'],
      ['exit code 1', 'exit code 2'],
      ['| 3 + 1 |', '| 2 + 2 |'],
    ] as const)
      expect(normalised(one)).not.toBe(normalised(other))
  })
})
