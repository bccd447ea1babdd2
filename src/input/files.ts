import { glob, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { refuse } from '../shared/errors.ts'
import { binaryFile, MAX_TEXT } from '../manifests/yaml.ts'

export interface SourceFile {
  /** relative to the workspace, with forward slashes */
  file: string
  text: string
}

export const DEFAULT_CONFIG = '.github/headgate.yaml'
const MANIFEST = /\.(ya?ml|json)$/i
const GLOB = /[*?[\]{}]/

/**
 * Reads manifests: files, directories (all .yaml, .yml and .json below, in the order of their paths) and globs, relative to
 * the workspace; a file named twice is read once. Refuses (`manifest-…`) what is outside the workspace, also by a symbolic
 * link, what does not exist, URLs, what is no text and what is larger than 5 MB.
 */
export async function readManifestFiles(workspace: string, patterns: readonly string[]): Promise<SourceFile[]> {
  const root = await realpath(workspace)
  const files = new Map<string, SourceFile>()
  for (const pattern of patterns) {
    for (const path of await expand(root, pattern)) {
      const real = await inside(root, path, 'manifest')
      if (!files.has(real)) files.set(real, await readText(root, path, real, 'manifest'))
    }
  }
  return [...files.values()]
}

/** The config file; undefined when none was named and the default one does not exist. Refuses (`config-…`) like manifests. */
export async function readConfigFile(workspace: string, path: string | undefined): Promise<SourceFile | undefined> {
  const root = await realpath(workspace)
  const full = resolve(root, path ?? DEFAULT_CONFIG)
  const kind = await kindOf(full)
  if (kind === undefined && path === undefined) return undefined
  if (kind !== 'file') {
    const what = kind === undefined ? 'does not exist' : 'is not a file'
    throw refuse('config-file', `the config file ${path ?? DEFAULT_CONFIG} ${what}`, {
      next: 'Correct the input `config`, or check the repository out first.',
    })
  }
  return readText(root, full, await inside(root, full, 'config'), 'config')
}

async function kindOf(path: string): Promise<'file' | 'directory' | undefined> {
  try {
    const found = await stat(path)
    return found.isDirectory() ? 'directory' : 'file'
  } catch (error) {
    // Whatever else hinders (rights, a loop of links) is told when the file is read.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}

/** Absolute paths that one line of `manifests` stands for, sorted; at least one. */
async function expand(root: string, pattern: string): Promise<string[]> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(pattern)) {
    const http = /^http:/i.test(pattern) ? 'is not read over an open connection' : 'is not available yet'
    throw refuse('manifest-url', `${pattern}: a manifest from an address ${http}`, {
      next: 'Download it in a step before, look at it, and name the file.',
    })
  }
  const path = resolve(root, pattern)
  const kind = await kindOf(path)
  // Before a directory is walked: it may be the whole machine.
  if (kind !== undefined) await inside(root, path, 'manifest')
  if (kind === 'file') return [path]
  const found = kind === 'directory' ? await below(path) : GLOB.test(pattern) ? await matching(root, pattern) : []
  if (found.length > 0) return found.sort()
  throw refuse('manifest-missing', `${pattern}: ${emptyText(kind, pattern)}`, {
    next: 'Correct `manifests`, or check the repository out before this step.',
  })
}

function emptyText(kind: 'file' | 'directory' | undefined, pattern: string): string {
  if (kind === 'directory') return 'the directory holds no .yaml, .yml or .json file'
  return GLOB.test(pattern) ? 'no .yaml, .yml or .json file matches' : 'no such file or directory in the workspace'
}

async function below(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter(({ name }) => MANIFEST.test(name)).map((entry) => join(entry.parentPath, entry.name))
  return onlyFiles(paths)
}

async function matching(root: string, pattern: string): Promise<string[]> {
  if (isAbsolute(pattern) || pattern.split(/[\\/]/).includes('..')) throw outside(pattern, 'manifest')
  const paths: string[] = []
  for await (const path of glob(pattern, { cwd: root })) if (MANIFEST.test(path)) paths.push(join(root, path))
  return onlyFiles(paths)
}

async function onlyFiles(paths: string[]): Promise<string[]> {
  const kinds = await Promise.all(paths.map(kindOf))
  return paths.filter((_, index) => kinds[index] === 'file')
}

function outside(path: string, kind: 'manifest' | 'config'): Error {
  return refuse(`${kind}-outside`, `${path} is outside the workspace`, {
    next: 'Name files below the workspace only; a symbolic link must not lead out of it either.',
  })
}

/** The real path of a file, which lies in the workspace. */
async function inside(root: string, path: string, kind: 'manifest' | 'config'): Promise<string> {
  const real = await realpath(path)
  for (const candidate of [path, real]) {
    const way = relative(root, candidate)
    if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) throw outside(named(root, path), kind)
  }
  return real
}

function named(root: string, path: string): string {
  const way = relative(root, path)
  return (way.startsWith('..') ? path : way).split(sep).join('/')
}

async function readText(root: string, path: string, real: string, kind: 'manifest' | 'config'): Promise<SourceFile> {
  const file = named(root, path)
  const { size } = await stat(real)
  // Bytes are at least as many as UTF-16 units divided by three; this only keeps a huge file out of memory.
  if (size > 3 * MAX_TEXT) {
    throw refuse(`${kind}-size`, `the file has ${Math.round(size / 1024 / 1024)} MB, more than is read`, {
      place: { file },
      next: 'Split the file, or leave out what is no manifest.',
    })
  }
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(real)) }
  } catch (error) {
    if (error instanceof TypeError) throw binaryFile(file, kind)
    throw error
  }
}
