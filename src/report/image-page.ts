import { parseReference } from '../manifests/references.ts'

/** The page of an image where people look at it; empty for a registry that has none that is known. */
export function imagePage(image: string): string {
  const parsed = parseReference(image)
  if (parsed === undefined) return ''
  const [registry = '', ...path] = parsed.repository.split('/')
  const name = path.map(encodeURIComponent).join('/')
  switch (registry) {
    case 'docker.io': {
      const page = path[0] === 'library' ? `_/${path.slice(1).map(encodeURIComponent).join('/')}` : `r/${name}`
      return `https://hub.docker.com/${page}/tags${parsed.tag === undefined ? '' : `?name=${encodeURIComponent(parsed.tag)}`}`
    }
    case 'ghcr.io':
      return `https://ghcr.io/${name}`
    case 'quay.io':
      return `https://quay.io/repository/${name}?tab=tags`
    default:
      return ''
  }
}
