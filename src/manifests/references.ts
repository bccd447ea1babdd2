/** An image reference, taken apart as Docker does. */
export interface ImageReference {
  /** as written, without tag and digest */
  name: string
  /** with registry and namespace filled in: `docker.io/library/nginx` */
  repository: string
  tag?: string
  /** `sha256:…` */
  digest?: string
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const REGISTRY = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::\\d+)?`
const REFERENCE = new RegExp(
  `^((?:${REGISTRY}/)?${COMPONENT}(?:/${COMPONENT})*)` +
    '(?::(\\w[\\w.-]{0,127}))?' +
    '(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$',
)
const DEFAULT_REGISTRY = 'docker.io'

/**
 * Reads an image reference; undefined when the text is none. The first part is a registry when it has a point, a port, an
 * upper-case letter or is `localhost`; else the registry is docker.io, where a name of one part lies in `library`.
 * Source: the reference grammar of the distribution project.
 */
export function parseReference(text: string): ImageReference | undefined {
  const match = REFERENCE.exec(text)
  const name = match?.[1]
  if (match === null || name === undefined) return undefined
  const [, , tag, digest] = match
  const repository = normalise(name)
  return { name, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

function normalise(name: string): string {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isRegistry = /[.:A-Z[]/.test(first) || first === 'localhost'
  const registry = !isRegistry || first === 'index.docker.io' ? DEFAULT_REGISTRY : first
  const path = isRegistry ? name.slice(slash + 1) : name
  return registry === DEFAULT_REGISTRY && !path.includes('/') ? `${registry}/library/${path}` : `${registry}/${path}`
}

/** Normalised repository of an image; a text that is no reference (a placeholder) stands for itself. */
export function repositoryOf(image: string): string {
  return parseReference(image)?.repository ?? image
}
