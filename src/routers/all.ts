import { gatewayApi } from './gateway-api.ts'
import type { Router, RouterName } from './router.ts'

/** In the order in which they are looked for. */
export const ALL_ROUTERS: readonly Router[] = [gatewayApi]

export function routerNamed(name: RouterName): Router {
  const found = ALL_ROUTERS.find((router) => router.name === name)
  if (found === undefined) throw new Error(`no router ${name}`)
  return found
}
