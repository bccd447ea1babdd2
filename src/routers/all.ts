import { alb } from './alb.ts'
import { gatewayApi } from './gateway-api.ts'
import { generic } from './generic.ts'
import { istio } from './istio.ts'
import { nginx } from './nginx.ts'
import type { Router, RouterName } from './router.ts'
import { traefik } from './traefik.ts'

/** In the order in which they are looked for. */
export const ALL_ROUTERS: readonly Router[] = [gatewayApi, istio, traefik, alb, nginx, generic]

export function routerNamed(name: RouterName): Router {
  const found = ALL_ROUTERS.find((router) => router.name === name)
  if (found === undefined) throw new Error(`no router ${name}`)
  return found
}
