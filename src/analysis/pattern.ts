import { type Node, readPattern, type Test, Wrong } from './pattern-syntax.ts'

/**
 * Regular expressions as RE2 matches them, in time that grows with text times pattern and never beyond: label values come
 * from the cluster, and a pattern that a backtracking engine chokes on would stop a rollout. Only the whole of a text
 * matches, as in Prometheus.
 */

export type Pattern = (text: string) => boolean

export type Compiled = { kind: 'pattern'; matches: Pattern } | { kind: 'wrong'; text: string }

type State =
  | { kind: 'one'; test: Test; next: number }
  | { kind: 'fork'; next: number[] }
  | { kind: 'edge'; end: boolean; next: number }
  | { kind: 'found' }

const MOST_CHARACTERS = 500
const MOST_STATES = 5_000

export function compilePattern(source: string): Compiled {
  try {
    if (source.length > MOST_CHARACTERS) throw new Wrong(`it is longer than ${MOST_CHARACTERS} characters`)
    const program = new Program()
    const start = program.build(readPattern(source), program.add({ kind: 'found' }))
    return { kind: 'pattern', matches: (text) => runs(program.states, start, text) }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return { kind: 'wrong', text: error.message }
  }
}

/** A pattern that matches this text alone. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}

/** The states of a pattern, built from its end. */
class Program {
  readonly states: State[] = []

  add(state: State): number {
    if (this.states.length >= MOST_STATES) throw new Wrong('it repeats too much')
    return this.states.push(state) - 1
  }

  /** @returns the state where the node begins, when `next` follows it */
  build(node: Node, next: number): number {
    switch (node.kind) {
      case 'one':
        return this.add({ ...node, next })
      case 'edge':
        return this.add({ ...node, next })
      case 'all':
        return node.parts.reduceRight((after, part) => this.build(part, after), next)
      case 'any':
        return this.add({ kind: 'fork', next: node.parts.map((part) => this.build(part, next)) })
      case 'many':
        return this.#repeat(node.part, node.least, node.most, next)
    }
  }

  #repeat(part: Node, least: number, most: number, next: number): number {
    let start = next
    if (most === Number.POSITIVE_INFINITY) {
      const ways = [next]
      start = this.add({ kind: 'fork', next: ways })
      ways.push(this.build(part, start))
    } else {
      for (let i = least; i < most; i++) start = this.add({ kind: 'fork', next: [next, this.build(part, start)] })
    }
    for (let i = 0; i < least; i++) start = this.build(part, start)
    return start
  }
}

/** All ways at once, one character after the other. */
function runs(states: readonly State[], start: number, text: string): boolean {
  let current = reached(states, [start], true, text === '')
  const characters = Array.from(text)
  for (const [index, character] of characters.entries()) {
    const next: number[] = []
    for (const each of current) {
      const state = states[each]
      if (state?.kind === 'one' && state.test(character)) next.push(state.next)
    }
    if (next.length === 0) return false
    current = reached(states, next, false, index === characters.length - 1)
  }
  return [...current].some((each) => states[each]?.kind === 'found')
}

/** The states that these lead to without a character. */
function reached(states: readonly State[], from: number[], first: boolean, last: boolean): Set<number> {
  const seen = new Set<number>()
  const open = [...from]
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    if (seen.has(each)) continue
    seen.add(each)
    const state = states[each]
    if (state?.kind === 'fork') open.push(...state.next)
    if (state?.kind === 'edge' && (state.end ? last : first)) open.push(state.next)
  }
  return seen
}
