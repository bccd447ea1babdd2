import { mkdir, mkdtemp, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readConfigFile, readManifestFiles } from '../../../src/input/files.ts'
import { failureOf } from '../../../src/shared/errors.ts'

let root = ''
beforeAll(async () => {
  const base = await mkdtemp(join(tmpdir(), 'headgate-'))
  root = join(base, 'workspace')
  const files: Record<string, string> = {
    'k8s/web.yaml': 'web',
    'k8s/b/c.yml': 'c',
    'k8s/a.json': 'a',
    'k8s/README.md': 'no',
    'k8s/b.yaml.bak': 'no',
    'plain.txt': 'plain',
    'empty/x.md': 'no',
    'odd[1].yaml': 'odd',
    '.github/headgate.yaml': 'app: web',
  }
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(root, file, '..'), { recursive: true })
    await writeFile(join(root, file), text)
  }
  await mkdir(join(root, 'k8s/dir.yaml'))
  await writeFile(join(base, 'secret.yaml'), 'secret')
  await symlink(join(base, 'secret.yaml'), join(root, 'link.yaml'))
  await symlink(base, join(root, 'up'))
  await symlink('k8s/web.yaml', join(root, 'alias.yaml'))
  await symlink('loop', join(root, 'loop'))
  await writeFile(join(root, 'binary.yaml'), Buffer.from([0xff, 0xfe, 0x00, 0x41]))
  await writeFile(join(root, 'huge.yaml'), '')
  await truncate(join(root, 'huge.yaml'), 20 * 1024 * 1024)
})

const names = async (...patterns: string[]): Promise<string[]> =>
  (await readManifestFiles(root, patterns)).map(({ file }) => file)
const wrong = async (...patterns: string[]) =>
  failureOf(await readManifestFiles(root, patterns).catch((error: unknown) => error))

describe('manifest files', () => {
  it('reads files, directories and globs, sorted, each once', async () => {
    expect(await readManifestFiles(root, ['k8s/web.yaml'])).toEqual([{ file: 'k8s/web.yaml', text: 'web' }])
    expect(await names('k8s')).toEqual(['k8s/a.json', 'k8s/b/c.yml', 'k8s/web.yaml'])
    expect(await names('./k8s/')).toEqual(['k8s/a.json', 'k8s/b/c.yml', 'k8s/web.yaml'])
    expect(await names('k8s/*')).toEqual(['k8s/a.json', 'k8s/web.yaml'])
    expect(await names('k8s/**/*.{yml,yaml}')).toEqual(['k8s/b/c.yml', 'k8s/web.yaml'])
    expect(await names('k8s/web.yaml', 'k8s', 'alias.yaml', join(root, 'k8s'))).toEqual([
      'k8s/web.yaml',
      'k8s/a.json',
      'k8s/b/c.yml',
    ])
    expect(await names('plain.txt', 'odd[1].yaml')).toEqual(['plain.txt', 'odd[1].yaml'])
    expect(await names()).toEqual([])
  })

  it.each([
    ['nothing.yaml', 'manifest-missing', 'no such file'],
    ['plain.txt/x', 'manifest-missing', 'no such file'],
    ['empty', 'manifest-missing', 'holds no .yaml'],
    ['empty/*.yaml', 'manifest-missing', 'matches'],
    ['https://example.com/x.yaml', 'manifest-url', 'not available yet'],
    ['http://example.com/x.yaml', 'manifest-url', 'open connection'],
    ['../secret.yaml', 'manifest-outside', 'outside the workspace'],
    ['..', 'manifest-outside', 'outside the workspace'],
    ['../*.yaml', 'manifest-outside', 'outside the workspace'],
    ['/**/*.yaml', 'manifest-outside', 'outside the workspace'],
    ['/', 'manifest-outside', 'outside the workspace'],
    ['link.yaml', 'manifest-outside', 'link.yaml is outside'],
    ['up', 'manifest-outside', 'up is outside'],
    ['up/*.yaml', 'manifest-outside', 'outside the workspace'],
    ['binary.yaml', 'manifest-binary', 'not text'],
    ['huge.yaml', 'manifest-size', '20 MB'],
  ])('refuses %s', async (pattern, code, part) => {
    const failure = await wrong(pattern)
    expect(failure).toMatchObject({ kind: 'refused', code })
    expect(failure.message).toContain(part)
    expect(failure.next).toBeTruthy()
  })

  it('keeps the reason of what it cannot explain', async () => {
    expect((await wrong('loop')).message).toContain('ELOOP')
  })
})

describe('config file', () => {
  it('is the default one where it exists', async () => {
    expect(await readConfigFile(root, undefined)).toEqual({ file: '.github/headgate.yaml', text: 'app: web' })
    expect(await readConfigFile(join(root, 'k8s'), undefined)).toBeUndefined()
    expect(await readConfigFile(root, 'plain.txt')).toEqual({ file: 'plain.txt', text: 'plain' })
  })

  it.each([
    ['none.yaml', 'config-file'],
    ['k8s', 'config-file'],
    ['../secret.yaml', 'config-outside'],
    ['binary.yaml', 'config-binary'],
  ])('refuses %s', async (path, code) => {
    const failure = failureOf(await readConfigFile(root, path).catch((error: unknown) => error))
    expect(failure).toMatchObject({ kind: 'refused', code })
  })
})
