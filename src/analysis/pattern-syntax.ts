/** Reads a regular expression into its parts: what RE2 knows, except for what label values never need. */

export type Test = (character: string) => boolean

export type Node =
  | { kind: 'one'; test: Test }
  | { kind: 'all' | 'any'; parts: Node[] }
  | { kind: 'many'; part: Node; least: number; most: number }
  | { kind: 'edge'; end: boolean }

/** What is wrong with a pattern. */
export class Wrong extends Error {}

const MOST_REPEATS = 1_000

/** @throws Wrong */
export function readPattern(source: string): Node {
  return new Reader(source).read()
}

const DIGIT: Test = (c) => c >= '0' && c <= '9'
const WORD: Test = (c) => DIGIT(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c === '_'
const BLANK: Test = (c) => c === ' ' || c === '\t' || c === '\n' || c === '\f' || c === '\r'
const CLASSES: ReadonlyMap<string, Test> = new Map([
  ['d', DIGIT],
  ['w', WORD],
  ['s', BLANK],
  ['D', (c) => !DIGIT(c)],
  ['W', (c) => !WORD(c)],
  ['S', (c) => !BLANK(c)],
])
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['f', '\f'],
  ['v', '\v'],
])

class Reader {
  readonly #characters: string[]
  readonly #anyCase: boolean
  #index = 0

  constructor(source: string) {
    this.#anyCase = source.startsWith('(?i)')
    this.#characters = Array.from(this.#anyCase ? source.slice(4) : source)
  }

  read(): Node {
    const node = this.#choice()
    if (this.#index < this.#characters.length) throw new Wrong('a ) has no (')
    return node
  }

  #peek(): string | undefined {
    return this.#characters[this.#index]
  }

  #rest(count: number): string {
    return this.#characters.slice(this.#index, this.#index + count).join('')
  }

  #choice(): Node {
    const parts = [this.#sequence()]
    while (this.#peek() === '|') {
      this.#index++
      parts.push(this.#sequence())
    }
    return { kind: 'any', parts }
  }

  #sequence(): Node {
    const parts: Node[] = []
    for (let c = this.#peek(); c !== undefined && c !== '|' && c !== ')'; c = this.#peek()) {
      parts.push(this.#repeated(this.#atom(c)))
    }
    return { kind: 'all', parts }
  }

  #repeated(part: Node): Node {
    const range = this.#range()
    if (range === undefined) return part
    if (this.#peek() === '?') this.#index++
    if (this.#range() !== undefined) throw new Wrong('*, +, ? or {} follows another one')
    const [least, most] = range
    if (most < least) throw new Wrong(`{${least},${most}} ends before it begins`)
    if (least > MOST_REPEATS || (most !== Number.POSITIVE_INFINITY && most > MOST_REPEATS)) {
      throw new Wrong(`more than ${MOST_REPEATS} repetitions are asked for`)
    }
    return { kind: 'many', part, least, most }
  }

  /** What says how often; undefined when nothing does. A { that begins no such thing stands for itself. */
  #range(): [least: number, most: number] | undefined {
    const c = this.#peek()
    const simple = { '*': [0, Number.POSITIVE_INFINITY], '+': [1, Number.POSITIVE_INFINITY], '?': [0, 1] } as const
    if (c === '*' || c === '+' || c === '?') {
      this.#index++
      return [...simple[c]]
    }
    const match = c === '{' ? /^\{(\d{1,5})(,(\d{1,5})?)?\}/.exec(this.#rest(13)) : null
    if (match === null) return undefined
    this.#index += match[0].length
    const [, least = '0', comma, most] = match
    return [Number(least), comma === undefined ? Number(least) : Number(most ?? Number.POSITIVE_INFINITY)]
  }

  #atom(c: string): Node {
    if (c === '(') return this.#group()
    if (c === '[') return { kind: 'one', test: this.#set() }
    if (c === '*' || c === '+' || c === '?') throw new Wrong(`there is nothing before ${c} that it could repeat`)
    this.#index++
    if (c === '.') return { kind: 'one', test: () => true }
    if (c === '^' || c === '$') return { kind: 'edge', end: c === '$' }
    const found = c === '\\' ? this.#escape() : c
    return { kind: 'one', test: typeof found === 'string' ? this.#literal(found) : found }
  }

  #group(): Node {
    const head = /^\((?:\?(?:P?<[A-Za-z_]\w*>|:))?/.exec(this.#rest(60))?.[0] ?? '('
    const after = this.#characters.slice(this.#index + head.length, this.#index + head.length + 3).join('')
    if (/^\?<?[=!]/.test(after)) throw new Wrong('it looks around ((?= (?! (?<= (?<!), which Prometheus cannot')
    if (after.startsWith('?')) throw new Wrong(`\`(${after}\` cannot be used; (?i) only at the very beginning`)
    this.#index += head.length
    const node = this.#choice()
    if (this.#peek() !== ')') throw new Wrong('a ( has no )')
    this.#index++
    return node
  }

  /** After a backslash: a character, or a class of them. */
  #escape(): string | Test {
    const c = this.#peek()
    if (c === undefined) throw new Wrong('it ends with a single backslash')
    if (/[1-9]/.test(c)) throw new Wrong(`\\${c} refers back to a group, which Prometheus cannot`)
    const hex = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(this.#rest(9))
    this.#index += hex?.[0].length ?? 1
    const code = Number.parseInt(hex?.[1] ?? hex?.[2] ?? '', 16)
    if (code <= 0x10ffff) return String.fromCodePoint(code)
    const known = CLASSES.get(c) ?? CONTROLS.get(c)
    if (known !== undefined) return known
    if (/[A-Za-z0-9]/.test(c) || c > '\x7f') throw new Wrong(`\\${c} cannot be used here`)
    return c
  }

  #set(): Test {
    this.#index++
    const not = this.#peek() === '^'
    if (not) this.#index++
    const tests: Test[] = []
    do {
      const c = this.#peek()
      if (c === undefined) throw new Wrong('a [ has no ]')
      if (c === '[' && this.#characters[this.#index + 1] === ':')
        throw new Wrong('[: :] cannot be used; write \\d, \\w or \\s')
      tests.push(this.#member())
    } while (this.#peek() !== ']')
    this.#index++
    return (c) => tests.some((test) => test(c)) !== not
  }

  #member(): Test {
    const from = this.#setCharacter()
    const ranged = this.#peek() === '-' && ![']', undefined].includes(this.#characters[this.#index + 1])
    if (typeof from !== 'string') {
      if (ranged) throw new Wrong('a range in [] begins with a class of characters')
      return from
    }
    if (!ranged) return this.#literal(from)
    this.#index++
    const to = this.#setCharacter()
    if (typeof to !== 'string' || point(to) < point(from)) throw new Wrong('a range in [] ends before it begins')
    return this.#cased((c) => point(c) >= point(from) && point(c) <= point(to))
  }

  #setCharacter(): string | Test {
    const c = this.#peek()
    this.#index++
    if (c === undefined) throw new Wrong('a [ has no ]')
    return c === '\\' ? this.#escape() : c
  }

  #literal(of: string): Test {
    return this.#cased((c) => c === of)
  }

  #cased(test: Test): Test {
    return this.#anyCase ? (c) => test(c) || test(c.toLowerCase()) || test(c.toUpperCase()) : test
  }
}

function point(character: string): number {
  return character.codePointAt(0) ?? 0
}
