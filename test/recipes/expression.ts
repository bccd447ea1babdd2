/**
 * GitHub's expressions, as far as the recipes use them. What is not known throws, so that a recipe that uses more is not
 * run half.
 */
export type Value = string | number | boolean | null | { [name: string]: Value } | Value[]

/** `github`, `inputs`, `needs` and so on, and how the jobs or steps before have ended. */
export interface Scope {
  contexts: { [name: string]: Value }
  status: 'success' | 'failure' | 'cancelled'
}

const TOKEN = /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(==|!=|&&|\|\||[!().,]))/y

type Token = { kind: 'text' | 'number' | 'name' | 'sign'; text: string }

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (source.slice(at).trim() !== '') {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(source)
    if (match === null) throw new Error(`cannot read the expression at "${source.slice(at)}"`)
    const [, text, number, name, sign = ''] = match
    if (text !== undefined) tokens.push({ kind: 'text', text: text.slice(1, -1).replaceAll("''", "'") })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name })
    else tokens.push({ kind: 'sign', text: sign })
    at = TOKEN.lastIndex
  }
  return tokens
}

/** The value of what stands between `${{` and `}}`. Throws for what is not known. */
export function evaluate(source: string, scope: Scope): Value {
  const parser = new Parser(tokensOf(source), scope)
  const value = parser.or()
  parser.end()
  return value
}

class Parser {
  readonly #tokens: Token[]
  readonly #scope: Scope

  constructor(tokens: Token[], scope: Scope) {
    this.#tokens = tokens
    this.#scope = scope
  }

  end(): void {
    const left = this.#tokens[0]
    if (left !== undefined) throw new Error(`"${left.text}" is more than the expression may have here`)
  }

  or(): Value {
    let left = this.#and()
    while (this.#takes('||')) {
      const right = this.#and()
      left = isTrue(left) ? left : right
    }
    return left
  }

  #and(): Value {
    let left = this.#equality()
    while (this.#takes('&&')) {
      const right = this.#equality()
      left = isTrue(left) ? right : left
    }
    return left
  }

  #equality(): Value {
    const left = this.#unary()
    if (this.#takes('==')) return isSame(left, this.#unary())
    if (this.#takes('!=')) return !isSame(left, this.#unary())
    return left
  }

  #unary(): Value {
    if (this.#takes('!')) return !isTrue(this.#unary())
    if (!this.#takes('(')) return this.#operand()
    const value = this.or()
    this.#needs(')')
    return value
  }

  #operand(): Value {
    const token = this.#tokens.shift()
    switch (token?.kind) {
      case 'text':
        return token.text
      case 'number':
        return Number(token.text)
      case 'name':
        return this.#takes('(') ? this.#call(token.text) : this.#context(token.text)
      case 'sign':
      case undefined:
        throw new Error(`an operand is missing before "${token?.text ?? 'the end'}"`)
    }
  }

  #call(name: string): Value {
    const args: Value[] = []
    while (!this.#takes(')')) {
      args.push(this.or())
      this.#takes(',')
    }
    const [first = null, second = null] = args
    switch (name) {
      case 'always':
        return true
      case 'startsWith':
        return textOf(first).toLowerCase().startsWith(textOf(second).toLowerCase())
      case 'format':
        return textOf(first).replaceAll(/\{(\d)\}/g, (_, at: string) => textOf(args[Number(at) + 1] ?? null))
      default:
        throw new Error(`the function ${name} is not known here`)
    }
  }

  #context(name: string): Value {
    if (['true', 'false'].includes(name)) return name === 'true'
    let value = this.#scope.contexts[name]
    if (value === undefined) throw new Error(`the context ${name} is not known here`)
    while (this.#takes('.')) {
      const key = this.#tokens.shift()?.text ?? ''
      value = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value[key] ?? null) : null
    }
    return value
  }

  #takes(sign: string): boolean {
    const [next] = this.#tokens
    if (next?.kind !== 'sign' || next.text !== sign) return false
    this.#tokens.shift()
    return true
  }

  #needs(sign: string): void {
    if (!this.#takes(sign)) throw new Error(`${sign} is missing`)
  }
}

function isTrue(value: Value): boolean {
  return value !== null && value !== '' && value !== 0 && value !== false
}

/** Text is compared without regard to case; nothing else is compared across types by the recipes. */
function isSame(left: Value, right: Value): boolean {
  if (typeof left === 'object' || typeof right === 'object') return textOf(left) === textOf(right)
  if (typeof left !== typeof right) throw new Error(`${typeof left} and ${typeof right} are not compared here`)
  return textOf(left).toLowerCase() === textOf(right).toLowerCase()
}

export function textOf(value: Value): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A text with the values of its expressions put in. */
export function filledIn(text: string, scope: Scope): string {
  return text.replaceAll(/\$\{\{(.+?)\}\}/g, (_, source: string) => textOf(evaluate(source, scope)))
}

/** An `if:`. One that asks for no status also asks that nothing before has failed. */
export function holds(condition: string | undefined, scope: Scope): boolean {
  const source = (condition ?? 'true').replace(/^\s*\$\{\{(.*)\}\}\s*$/s, '$1')
  const asks = /\b(always)\(\)/.test(source)
  return (asks || scope.status === 'success') && isTrue(evaluate(source, scope))
}
