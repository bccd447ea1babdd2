import { describe, expect, it } from 'vitest'
import { parseSteps } from '../../../src/input/steps.ts'
import { failureOf } from '../../../src/shared/errors.ts'
import { DEFAULT_STEPS, STRATEGIES, stepText, type Strategy } from '../../../src/strategies/step.ts'

function wrong(call: () => unknown): { message: string; place?: unknown } {
  try {
    call()
  } catch (error) {
    const { kind, code, message, place } = failureOf(error)
    expect([kind, code]).toEqual(['refused', 'steps'])
    return place === undefined ? { message } : { message, place }
  }
  throw new Error('not refused')
}

describe('steps', () => {
  it.each<[Strategy, string | string[], string]>([
    ['canary', '25%, wait 1m, 50%', '25%|wait 1m|50%'],
    ['canary', '\n  10% \n\n check  a b ,approve,\n100%\n', '10%|check a b|approve|100%'],
    ['canary', ['10%', 'wait 30s, 20%', ''], '10%|wait 30s|20%'],
    ['canary', 'job warm-up, 1%, job load.test more', 'job warm-up|1%|job load.test more'],
    ['canary', 'approve, 100%', 'approve|100%'],
    ['canary', '0%, check a, 10%', '0%|check a|10%'],
    ['canary', 'mirror 20%, check a, 10%, mirror 5%, mirror 0%', 'mirror 20%|check a|10%|mirror 5%|mirror 0%'],
    ['canary', 'mirror 100%, 0%, approve', 'mirror 100%|0%|approve'],
    ['blue-green', 'warm-up, switch', 'warm-up|switch'],
    ['canary', '0%, warm-up, 10%', '0%|warm-up|10%'],
    ['blue-green', 'check a, switch, wait 1h, approve', 'check a|switch|wait 1h|approve'],
    ['recreate', 'job migrate', 'job migrate'],
    ['recreate', '', ''],
    ['rolling', ' \n,, ', ''],
  ])('%s: %j', (strategy, text, steps) => expect(parseSteps(text, strategy).map(stepText).join('|')).toBe(steps))

  it('reads back its own defaults', () => {
    for (const strategy of STRATEGIES) {
      const steps = DEFAULT_STEPS[strategy]
      expect(parseSteps(steps.map(stepText), strategy)).toEqual(steps)
    }
  })

  it.each<[Strategy, string, string]>([
    ['canary', '101%', 'a whole number from 1% to 100%, or 0% first with a router'],
    ['canary', '0.5%', 'a weight is a whole number'],
    ['canary', '10%, warm-up', 'users are on the new version already'],
    ['canary', 'warm-up, 10%', 'it needs pods of the new version: 0% or a mirror before it'],
    ['blue-green', 'switch, warm-up', 'users are on the new version already'],
    ['rolling', 'warm-up', 'rolling has no such step'],
    ['canary', '10%, 0%', 'weights rise, and 10% stands before it'],
    ['canary', '0%, 0%', 'weights rise, and 0% stands before it'],
    ['canary', 'mirror', 'a mirror needs a whole number from 0% to 100%, such as mirror 10%'],
    ['canary', 'mirror 10', 'did you mean mirror 10%?'],
    ['canary', 'mirror 101%', 'a mirror needs a whole number from 0% to 100%'],
    ['canary', 'mirror 0.5%', 'a mirror needs a whole number from 0% to 100%'],
    ['canary', 'mirror 5% 6%', 'a mirror needs a whole number from 0% to 100%'],
    ['canary', 'miror 10%', 'no such step; did you mean mirror?'],
    ['canary', '10%, mirror 5%, 10%', 'weights rise, and 10% stands before it'],
    ['canary', 'check a, 0%', 'with a router, 0% or a mirror may stand before it'],
    ['blue-green', 'mirror 10%, switch', 'blue-green has no such step; allowed: switch, wait D'],
    ['blue-green', '0%, switch', 'blue-green has no such step'],
    ['recreate', 'mirror 10%', 'recreate has no such step'],
    ['rolling', 'mirror 10%', 'the strategy rolling has no steps'],
    ['canary', '12.5%', 'a whole number from 1% to 100%'],
    ['canary', '-5%', 'a whole number from 1% to 100%'],
    ['canary', '1e1%', 'no such step'],
    ['canary', '25', 'did you mean 25%?'],
    ['canary', '25 %', 'a weight stands alone'],
    ['canary', '50%, 25%', 'column 6: step "25%": weights rise, and 50% stands before it'],
    ['canary', '50%, 50%', 'weights rise'],
    ['canary', '10%, wait', 'a wait needs a duration'],
    ['canary', '10%, wait 5', 'did you mean wait 5s?'],
    ['canary', '10%, wait 2 m', 'did you mean wait 2m?'],
    ['canary', '10%, wait 0s', 'a duration above 0'],
    ['canary', '10%, wait 1d', 'such as 30s, 2m or 1h'],
    ['canary', '10%, check', 'it needs a name: check NAME'],
    ['canary', '10%, check Home', '"Home" is not a name'],
    ['canary', '10%, check a a', '"a" is named twice'],
    ['canary', 'check a, 10%', 'no pod of the new version runs before the first weight'],
    ['canary', 'job a, 10%, job b a', 'the job "a" runs in a step before'],
    ['canary', '10%, approve now', '"approve" stands alone'],
    ['canary', '10%, aprove', 'no such step; did you mean approve?'],
    ['canary', '10%, something', 'allowed: N%, mirror, wait, check, job, warm-up or approve'],
    [
      'canary',
      '10%, switch',
      'canary has no such step; allowed: N%, mirror N%, wait D, check NAME, job NAME, warm-up or approve',
    ],
    ['canary', 'wait 1m', 'a canary needs a weight'],
    ['blue-green', 'wait 1m', 'needs the step "switch", once'],
    ['blue-green', 'switch, switch', 'column 9: step "switch": blue-green switches once'],
    ['blue-green', '50%', 'blue-green has no such step; allowed: switch, wait D'],
    ['recreate', 'wait 1m', 'recreate has no such step; allowed: job NAME'],
    ['recreate', 'migrate', 'no such step; allowed: job'],
    ['rolling', '10%', 'the strategy rolling has no steps'],
    ['rolling', 'foo', 'the strategy rolling has no steps'],
  ])('%s: %j is refused', (strategy, text, part) =>
    expect(wrong(() => parseSteps(text, strategy)).message).toContain(part),
  )

  it('names all that is wrong, with line and column', () => {
    expect(wrong(() => parseSteps('10%,  wiat 1m\n  chek a', 'canary')).message).toBe(
      [
        '2 things are wrong:',
        '- steps, line 1, column 7: step "wiat 1m": no such step; did you mean wait?',
        '- steps, line 2, column 3: step "chek a": no such step; did you mean check?',
      ].join('\n'),
    )
    expect(wrong(() => parseSteps(['10%', 'aprove'], 'canary')).message).toContain('steps, entry 2, line 1, column 1')
  })

  it('points into the file', () => {
    const one = wrong(() => parseSteps('10%\naprove', 'canary', { file: 'c.yaml', line: 7, column: 3 }))
    expect(one).toEqual({
      message: 'step "aprove": no such step; did you mean approve?',
      place: { file: 'c.yaml', line: 8, column: 3 },
    })
    const places = [{ file: 'c.yaml', line: 3, column: 5 }, { file: 'c.yaml' }]
    expect(wrong(() => parseSteps(['aprove', '5%'], 'canary', places)).place).toEqual(places[0])
    expect(wrong(() => parseSteps(['5%', 'x, aprove'], 'canary', places)).message).toContain('c.yaml:1:4: ')
  })

  it('knows the checks of the config', () => {
    expect(parseSteps('10%, check a', 'canary', undefined, { checks: ['a'] })).toHaveLength(2)
    const known = ['home-page', 'login']
    expect(wrong(() => parseSteps('10%, check home-pag', 'canary', undefined, { checks: known })).message).toContain(
      'no check "home-pag" in the config; did you mean home-page?',
    )
    expect(wrong(() => parseSteps('10%, check x', 'canary', undefined, { checks: [] })).message).toContain(
      'it has no checks',
    )
  })

  it('knows whether the config rules routers out', () => {
    const unrouted = { unrouted: true }
    expect(parseSteps('10%, wait 1m', 'canary', undefined, unrouted)).toHaveLength(2)
    const place = { file: 'c.yaml', line: 3, column: 9 }
    expect(wrong(() => parseSteps('1%, mirror 5%', 'canary', place, unrouted))).toEqual({
      message: 'step "mirror 5%": it needs a router, and traffic: router is none',
      place: { ...place, column: 13 },
    })
    expect(wrong(() => parseSteps('0%, mirror 0%', 'canary', undefined, unrouted)).message).toBe(
      [
        '2 things are wrong:',
        '- steps, line 1, column 1: step "0%": it needs a router, and traffic: router is none',
        '- steps, line 1, column 5: step "mirror 0%": it needs a router, and traffic: router is none',
      ].join('\n'),
    )
  })
})
