/** A registry that holds every image, but those that are said to be missing. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The full name that a container runtime makes of a short one. */
function familiar(image: string): string {
  const first = image.split('/')[0] ?? ''
  if (image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost')) return image
  return image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`
}

function moved(registryFile: string, image: string): string | undefined {
  try {
    const known: unknown = JSON.parse(readFileSync(registryFile, 'utf8'))
    const digest: unknown = typeof known === 'object' && known !== null ? Reflect.get(known, image) : undefined
    return typeof digest === 'string' ? digest : undefined
  } catch {
    return undefined // nobody has moved a tag yet
  }
}

/**
 * The `imageID` of a container: repository and digest. The digest is the same for the same reference, unless a test has
 * moved the tag in the registry file.
 */
export function imageId(image: string, registryFile: string, override?: string): string {
  const name = familiar(image)
  const repository = name.replace(/@.*$/, '').replace(/:[\w.-]+$/, '')
  const written = /@(.+)$/.exec(name)?.[1]
  const computed = `sha256:${createHash('sha256').update(name).digest('hex')}`
  return `${repository}@${override ?? written ?? moved(registryFile, image) ?? computed}`
}
