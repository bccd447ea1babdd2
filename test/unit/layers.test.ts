import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** What decides or draws, and therefore may not reach outwards, not even through another file. */
const PURE = [
  /^src\/(analysis|manifests|strategies|health|shared|report)\//,
  /^src\/preflight\/(finding|rules)\.ts$/,
  /^src\/rollout\/(machine|record|settings|codec|by-hand)\.ts$/,
]

/** Modules that touch the world. What only computes, such as node:crypto and node:zlib, is not among them. */
const WORLD =
  /^(node:(fs|http|https|net|tls|dns|os|process|child_process|worker_threads|timers).*|undici|@actions\/.*|@octokit\/.*|@kubernetes\/.*)$/

/** Own files that pure ones may not run. Types may be taken from anywhere: they are gone at run time. */
const OUTER =
  /^src\/(github|input|commands|checks|main|post|cli|command-line|start|kubernetes(?!\/(errors|answers|kinds)\.ts))/

interface Import {
  target: string
  typeOnly: boolean
}

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file))
  .toSorted()

const sources = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]))

function importsOf(file: string): Import[] {
  const source = sources.get(file) ?? ''
  const statements = source.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm)
  const lazy = source.matchAll(/\bimport\('([^']+)'\)/g)
  return [
    ...[...statements].map(([, type, names, target = '']) => ({
      target: resolved(file, target),
      typeOnly: type !== undefined || /^\{(\s*type\s+\w+(\s+as\s+\w+)?\s*,?)+\s*\}$/.test(names ?? ''),
    })),
    ...[...lazy].map(([, target = '']) => ({ target: resolved(file, target), typeOnly: false })),
  ]
}

function resolved(file: string, target: string): string {
  return target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), target)) : target
}

/** Every way, at run time, from a file to something it may not reach. */
function reachesOut(file: string, path: string[] = [], seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  return importsOf(file).flatMap(({ target, typeOnly }) => {
    if (typeOnly) return []
    const way = [...path, file, target]
    if (WORLD.test(target) || OUTER.test(target)) return [way.join(' -> ')]
    return sources.has(target) ? reachesOut(target, [...path, file], seen) : []
  })
}

/** The code without comments and strings, roughly: enough to look for a name. */
function codeOf(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
}

describe('layers', () => {
  const pure = files.filter((file) => PURE.some((pattern) => pattern.test(file)))

  it('finds the imports it judges', () => {
    expect(pure.length).toBeGreaterThan(20)
    expect(importsOf('src/github/connection.ts').map(({ target }) => target)).toContain('@octokit/plugin-retry')
    expect(reachesOut('src/github/connection.ts')).not.toEqual([])
  })

  it.each(pure)('%s reaches nothing outside', (file) => {
    expect(reachesOut(file)).toEqual([])
  })

  // The entries hand it on; nothing else may know that there is one.
  it('only src/input and the entries read the environment', () => {
    const readers = files.filter(
      (file) =>
        !/^src\/(input\/|(main|post|cli|command-line)\.ts$)/.test(file) &&
        /\bprocess\.(env|argv)\b/.test(codeOf(sources.get(file) ?? '')),
    )
    expect(readers).toEqual([])
  })

  it('no file only hands on what others export', () => {
    const barrels = files.filter((file) => {
      const lines = codeOf(sources.get(file) ?? '')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
      return lines.length > 0 && lines.every((line) => /^export\b.*\bfrom '/.test(line))
    })
    expect(barrels).toEqual([])
  })

  it('time comes from the clock alone in what decides', () => {
    const users = pure.filter(
      (file) =>
        file !== 'src/shared/clock.ts' &&
        /\b(Date\.now\(|new Date\(\)|setTimeout\(|setInterval\()/.test(codeOf(sources.get(file) ?? '')),
    )
    expect(users).toEqual([])
  })
})
