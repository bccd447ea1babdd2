import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** What is checked out in a directory; empty texts where it is no git work tree. */
export interface Checkout {
  sha: string
  /** branch, or empty when detached */
  ref: string
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return undefined
  }
}

/** The git directory that belongs to a directory or one of those above it. */
async function gitDirectory(directory: string): Promise<string | undefined> {
  for (let at = resolve(directory); ; at = dirname(at)) {
    if ((await read(join(at, '.git', 'HEAD'))) !== undefined) return join(at, '.git')
    // In a linked work tree or submodule .git is a file that names the place.
    const link = /^gitdir: (.+)$/.exec((await read(join(at, '.git'))) ?? '')?.[1]
    if (link !== undefined) return resolve(at, link)
    if (dirname(at) === at) return undefined
  }
}

/** Commit and branch of a work tree, read from its files: a command line tool need not start git for that. */
export async function checkoutOf(directory: string): Promise<Checkout> {
  const own = await gitDirectory(directory)
  const head = own === undefined ? undefined : await read(join(own, 'HEAD'))
  if (own === undefined || head === undefined) return { sha: '', ref: '' }
  const branch = /^ref: (.+)$/.exec(head)?.[1]
  if (branch === undefined) return { sha: head, ref: '' }
  const shared = resolve(own, (await read(join(own, 'commondir'))) ?? '.')
  const sha = (await read(join(shared, branch))) ?? packed((await read(join(shared, 'packed-refs'))) ?? '', branch)
  return { sha, ref: branch.replace(/^refs\/heads\//, '') }
}

function packed(refs: string, branch: string): string {
  const line = refs.split('\n').find((row) => row.endsWith(` ${branch}`))
  return line?.split(' ')[0] ?? ''
}
