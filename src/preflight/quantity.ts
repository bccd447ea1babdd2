const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['n', 1e-9],
  ['u', 1e-6],
  ['m', 1e-3],
  ['', 1],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['T', 1e12],
  ['P', 1e15],
  ['E', 1e18],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
  ['Ti', 2 ** 40],
  ['Pi', 2 ** 50],
  ['Ei', 2 ** 60],
])

/**
 * A Kubernetes quantity (`500m`, `64Mi`, `1e3`, 2) as a number; undefined when it is none. Precise enough to compare.
 * Source: the quantity serialization of apimachinery.
 */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([A-Za-z]*))$/.exec(value.trim())
  if (match === null) return undefined
  const [, number = '', exponent = '', suffix = ''] = match
  const unit = SUFFIXES.get(suffix)
  return unit === undefined ? undefined : Number(`${number}${exponent}`) * unit
}
