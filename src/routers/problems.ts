import type { Condition, Problem, Split } from './router.ts'

/** What several routers say alike. */
export function alreadyThere({ sides }: Split): Problem {
  return {
    reason: `it leads to ${sides.map(({ canary }) => canary).join(', ')} already, which somebody else has put there`,
    mend: 'take that backend out of it',
  }
}

export function cannotMatch(router: string, { kind }: Condition): Problem {
  return {
    reason: `${router} cannot match ${kind === 'port' ? 'a port' : 'who asks'}`,
    mend: 'match a header, a cookie, a query or a language',
  }
}

/** Weights of most routers are whole, and so are the parts of a hundred that they are made of. */
export function notWhole({ percent, mirror }: Split): Problem[] {
  return [percent, mirror]
    .filter((share) => !Number.isInteger(share))
    .map((share) => ({ reason: `a share of ${share}% is no whole percent`, mend: 'use a whole percent' }))
}
