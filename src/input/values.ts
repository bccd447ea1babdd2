import type { Place } from '../shared/errors.ts'
import { parseDuration } from '../shared/duration.ts'
import type { Command } from '../rollout/settings.ts'
import type { Config } from './config.ts'
import type { ConfigKey } from './config-schema.ts'
import { type InputName, INPUTS, isInputName, type RawInputs } from './inputs.ts'
import { hint, type Problem } from './problems.ts'

/** A value as written, and how to point at it. */
export interface Written {
  value: string | readonly string[] | boolean
  from: 'input' | 'config'
  place?: Place
}

type Key = InputName | ConfigKey

/** Commands that read what only the config file can say; what is an input too is in its table. */
const CONFIG_ONLY: Record<string, readonly Command[]> = {
  capacity: ['deploy', 'plan'],
  traffic: ['deploy', 'plan'],
  'update-checker': ['deploy', 'plan'],
  accept: ['deploy', 'plan', 'rollback'],
  'take-over': ['deploy', 'plan', 'rollback'],
  'on-failed-job': ['deploy', 'plan', 'rollback'],
  'transient-environment': ['deploy', 'plan'],
  'production-environment': ['deploy', 'plan'],
}

/**
 * Looks values up for one command: the input, else the config. What is wrong is collected, not thrown, and the default is
 * given in its place, so that all of it can be told at once. What the command does not read is not looked at.
 */
export class Values {
  readonly problems: Problem[] = []
  readonly command: Command
  private readonly raw: RawInputs
  private readonly config: Config | undefined
  private readonly leftOut = new Set<Key>()

  constructor(raw: RawInputs, config: Config | undefined, command: Command) {
    this.raw = raw
    this.config = config
    this.command = command
  }

  /** Leaves a key of the config out of account. */
  ignore(key: ConfigKey): void {
    this.leftOut.add(key)
  }

  /** The config says it, and the command reads it. */
  configured(key: ConfigKey): boolean {
    return readsKey(this.command, key) && !this.leftOut.has(key) && this.config?.values[key] !== undefined
  }

  find(key: Key): Written | undefined {
    if (!readsKey(this.command, key)) return undefined
    const given = isInputName(key) ? this.raw[key] : undefined
    if (given !== undefined) return { value: given, from: 'input' }
    if (this.config === undefined || this.leftOut.has(key) || !(key in this.config.values)) return undefined
    const value = this.config.values[key as ConfigKey]
    if (typeof value !== 'string' && typeof value !== 'boolean' && !Array.isArray(value)) return undefined
    return { value, from: 'config', place: this.config.placeOf([key]) }
  }

  wrong(key: Key, message: string, written?: Written): void {
    const place = written?.place === undefined ? {} : { place: written.place }
    this.problems.push({ message: `${key}: ${message}`, ...place })
  }

  text(key: Key): string | undefined {
    const value = this.find(key)?.value
    return typeof value === 'string' ? value : undefined
  }

  /** The text if `valid` likes it; else one more problem and undefined. */
  checked(key: Key, valid: (text: string) => boolean, wanted: string): string | undefined {
    const written = this.find(key)
    if (written === undefined || typeof written.value !== 'string') return undefined
    if (valid(written.value)) return written.value
    this.wrong(key, `"${written.value}" is not ${wanted}`, written)
    return undefined
  }

  choice<T extends string>(key: Key, values: readonly T[], fallback: T): T {
    const written = this.find(key)
    if (written === undefined) return fallback
    const found = values.find((value) => value === written.value)
    if (found === undefined)
      this.wrong(key, `unknown value "${String(written.value)}"; ${hint(String(written.value), values)}`, written)
    return found ?? fallback
  }

  /** Milliseconds, above 0. */
  duration(key: Key, fallback: number): number {
    const valid = (text: string): boolean => (parseDuration(text) ?? 0) > 0
    return parseDuration(this.checked(key, valid, 'a duration above 0, such as 30s, 10m or 1h') ?? '') ?? fallback
  }

  /** A whole number from 1 on. */
  number(key: Key): number | undefined {
    const text = this.checked(key, (text) => /^[1-9]\d{0,9}$/.test(text), 'a whole number from 1 on')
    return text === undefined ? undefined : Number(text)
  }

  flag(key: Key): boolean {
    const written = this.find(key)
    if (typeof written?.value === 'boolean') return written.value
    if (written === undefined) return false
    // The spellings that GitHub's own toolkit takes for a boolean input.
    const known = ['true', 'True', 'TRUE', 'false', 'False', 'FALSE'].includes(String(written.value))
    if (!known) this.wrong(key, `"${String(written.value)}" is neither true nor false`, written)
    return String(written.value).toLowerCase() === 'true'
  }

  /** The flag, undefined where nobody says it. */
  optionalFlag(key: Key): boolean | undefined {
    return this.find(key) === undefined ? undefined : this.flag(key)
  }

  /** Lines of an input or entries of the config; empty lines and those that begin with # are left out. */
  lines(key: Key): string[] {
    const value = this.find(key)?.value ?? []
    const items = typeof value === 'string' ? value.split('\n') : Array.isArray(value) ? (value as string[]) : []
    return items.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  }
}

/** Whether a command reads an input. */
export function reads(command: Command, name: InputName): boolean {
  return INPUTS.some((input) => input.name === name && input.commands.includes(command))
}

function readsKey(command: Command, key: Key): boolean {
  return isInputName(key) ? reads(command, key) : (CONFIG_ONLY[key] ?? []).includes(command)
}
