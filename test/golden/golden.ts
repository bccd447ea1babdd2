import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

/**
 * Compares text with the file of that name in this folder. UPDATE_GOLDEN=1 writes the file instead: look at the
 * difference before committing it.
 */
export function expectGolden(name: string, text: string): void {
  const file = join(import.meta.dirname, name)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
  expect(text, `${name} differs; UPDATE_GOLDEN=1 npm test writes it anew`).toBe(existsSync(file) ? readFileSync(file, 'utf8') : '')
}
