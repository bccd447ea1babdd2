import { describe, expect, it } from 'vitest'
import { expandVariables } from '../../../src/input/variables.ts'
import { failureOf } from '../../../src/shared/errors.ts'

const env = (name: string): string | undefined => ({ HOST: 'shop.example', EMPTY: '', A: '${HOST}' })[name]

describe('variables of a check', () => {
  it.each([
    ['https://${HOST}/x?${HOST}', 'https://shop.example/x?shop.example'],
    ['[${EMPTY}]', '[]'],
    ['5$ $HOST $${HOST}', '5$ $HOST $shop.example'],
    // what a variable holds is not looked at again
    ['${A}', '${HOST}'],
  ])('%s', (text, expanded) => expect(expandVariables(text, env)).toBe(expanded))

  it('refuses one that is not set', () => {
    try {
      expandVariables('${NONE}', env)
      throw new Error('not refused')
    } catch (error) {
      expect(failureOf(error)).toMatchObject({ kind: 'refused', code: 'variable-unset' })
      expect(failureOf(error).message).toContain('NONE')
    }
  })
})
