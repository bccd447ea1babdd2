import { describe, expect, it } from 'vitest'
import {
  cleanLines,
  code,
  count,
  cut,
  fence,
  html,
  limited,
  link,
  list,
  md,
  oneLine,
  shellWord,
} from '../../../src/report/text.ts'

const ESC = '\u001b'

describe('cleanLines', () => {
  it.each([
    ['colours', `${ESC}[31mred${ESC}[0m`, ['red']],
    ['a terminal title', `${ESC}]0;title\u0007text`, ['text']],
    ['a two-letter escape', `${ESC}Mtext`, ['text']],
    ['all line ends', 'a\nb\r\nc\rd\u2028e', ['a', 'b', 'c', 'd', 'e']],
    ['control characters, but not tabs', 'a\u0000\u0008\tb', ['a\tb']],
    ['marks that turn the direction of text', 'a\u202eb\u2066c', ['abc']],
  ])('takes out %s', (_name, text, expected) => {
    expect(cleanLines(text)).toEqual(expected)
  })

  it('cuts long lines and says how much is missing', () => {
    expect(cleanLines('x'.repeat(30), 10)).toEqual([`${'x'.repeat(10)}… (20 more characters)`])
  })
})

describe('cut', () => {
  it('leaves short text alone', () => expect(cut('abc', 3)).toBe('abc'))
  it('never splits a surrogate pair', () => expect(cut('ab😀cd', 3)).toBe('ab… (4 more characters)'))
})

describe('oneLine', () => {
  it('joins lines', () => expect(oneLine(' a\n  b\r\nc ')).toBe('a b c'))
})

describe('md', () => {
  it.each([
    ['@alice', '@\u200balice'],
    ['see #12', 'see #\u200b12'],
    ['GH-12', 'GH-\u200b12'],
    ['https://x.example/issues/1', 'https:\u200b//x.example/issues/1'],
    ['www.x.example', 'www\u200b.x.example'],
    ['<img src=x>', '&lt;img src=x&gt;'],
    ['a|b*c_d`e[f]g~h\\i$j', String.raw`a\|b\*c\_d\`e\[f\]g\~h\\i\$j`],
    ['&copy;', '&amp;copy;'],
    ['a\nb', 'a b'],
  ])('makes %j harmless', (text, expected) => {
    expect(md(text)).toBe(expected)
  })
})

describe('code', () => {
  it.each([
    ['plain', '`plain`'],
    ['a`b', '``a`b``'],
    ['``x``', '``` ``x`` ```'],
    ['a|b', '`a\\|b`'],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(code(text)).toBe(expected)
  })
})

describe('fence', () => {
  it('cannot be closed from inside', () => {
    expect(fence(['a', '````', 'b'], 'sh')).toBe('`````sh\na\n````\nb\n`````')
  })
  it('splits what holds line ends', () => expect(fence(['a\nb'])).toBe('```\na\nb\n```'))
})

describe('html', () => {
  it('escapes tags and mentions', () =>
    expect(html('<b>@bob #1 http://x & y')).toBe('&lt;b&gt;@\u200bbob #\u200b1 http:\u200b//x &amp; y'))
})

describe('link', () => {
  it('takes only http(s) addresses', () => {
    expect(link('a', 'https://x.example/y')).toBe('[a](https://x.example/y)')
    expect(link('a', 'javascript:alert(1)')).toBe('a')
    expect(link('a', 'https://x.example/ y')).toBe('a')
    expect(link('a', 'https://x.example/(y)')).toBe('a')
  })
})

describe('shellWord', () => {
  it.each([
    ['plain-1.2_3', 'plain-1.2_3'],
    ['', "''"],
    ['two words', "'two words'"],
    ["it's", String.raw`'it'\''s'`],
    ['$(id)', "'$(id)'"],
    ['a\nb', "'a b'"],
  ])('%j', (text, expected) => {
    expect(shellWord(text)).toBe(expected)
  })
})

describe('words', () => {
  it('counts', () => expect([count(0, 'pod'), count(1, 'pod'), count(2, 'pod')]).toEqual(['0 pods', '1 pod', '2 pods']))
  it('lists', () =>
    expect([list([]), list(['a']), list(['a', 'b']), list(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ]))
})

describe('limited', () => {
  it('leaves short text alone', () => expect(limited('abc', 10, 'cut')).toBe('abc'))

  it('closes the code block and the sections that the cut leaves open', () => {
    const text = `<details><summary>s</summary>\n\n\`\`\`\`\n\`\`\`\n</details>\n${'line\n'.repeat(200)}\`\`\`\`\n</details>\n`
    const short = limited(text, 600, '_cut_')
    expect(short.length).toBeLessThanOrEqual(600)
    expect(short.endsWith('line\n````\n\n</details>\n\n_cut_')).toBe(true)
  })

  it('adds nothing where nothing is open', () => {
    const short = limited(`\`\`\`\na\n\`\`\`\n<details>\n</details>\n${'line\n'.repeat(200)}`, 600, '_cut_')
    expect(short.endsWith('line\n\n_cut_')).toBe(true)
  })
})
